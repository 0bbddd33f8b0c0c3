"""The report as a reader meets it: in a browser, by mouse and keyboard, narrow and dark, with hostile text in it."""

import pytest
from fake_results import write_fake_results
from playwright.sync_api import expect

from steer import cli
from steer.io import read_jsonl, write_jsonl

HOSTILE = "</script><script>window.owned = true</script><img src=x onerror='window.owned = true'>\0\u202e\ud800"
TOKENS = {
    "step": 1,
    "id": "x",
    "benchmark": "synthetic-sum",
    "prompt": HOSTILE,
    "verdict": "correct",
    "advantage": 1.0,
    "token": ["7", "+", "1"],
    "probability": [0.9, 0.1, 0.5],
    "entropy": [0.1, 0.9, 0.4],
    "omega": [-0.1, 0.2, 0.0],
    "weight": [0.7, 1.0, 1.0],
}

MINUTES = "training time (minutes)"
STATISTICS = [f"{name}{end}" for name in ("pearson", "spearman", "unexplained") for end in ("", "_low", "_high")]
ESTIMATORS = f"""model,parameters,step,update,tasks,estimator,tokens,clusters,{",".join(STATISTICS)}
main,100,0,sgd,all,theorem,50,9,0.4,0.3,0.5,0.2,0.1,0.3,0.8,0.7,0.9
main,100,0,sgd,all,tabular,50,9,-0.1,-0.2,0.1,0.7,0.6,0.8,1,0.9,1
main,100,0,own,all,theorem,20,5,0.9,0.8,1,,,,0.3,0.2,0.4
"""


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    write_fake_results(folder)
    path = folder / "generations" / "grpo" / "seed0" / "synthetic-sum.jsonl.gz"
    rows = read_jsonl(path)
    rows[0]["responses"][0]["text"] = HOSTILE
    write_jsonl(path, rows)
    write_jsonl(folder / "runs" / "steer" / "seed0" / "tokens.jsonl.gz", [TOKENS])
    common = ["--config", f"{folder}/config.yaml"]
    assert cli.main(["tabulate", *common, "--results", str(folder), "--out", f"{folder}/tables"]) == 0
    (folder / "tables" / "T1_estimators.csv").write_text(ESTIMATORS)
    figure = ["--tables", f"{folder}/tables", "--out", f"{folder}/figures"]
    assert cli.main(["plot", "FE_policy_entropy", *common, *figure]) == 0
    out = folder / "report" / "index.html"
    assert cli.main(["report", *common, "--results", str(folder), "--out", str(out)]) == 0
    return out


@pytest.fixture
def page(browser, page_file):
    """The opened report; at the end nothing was complained about, asked of a network, or run from a model's text."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    complaints, requests = [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(page_file.as_uri())
    yield page
    assert page.evaluate("window.owned") is None
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    context.close()


def bring(page, section):
    """Parts of the page start when they come near the window."""
    page.locator(f"#{section}").scroll_into_view_if_needed()


def test_curves_follow_the_choice_of_runs_metric_and_seeds(page):
    bring(page, "curves-app")
    app = page.locator("#curves-app")
    chart = app.locator("svg:not(.swatch)").first
    expect(chart).to_be_visible()
    before = chart.inner_html()
    app.get_by_label("GRPO", exact=True).uncheck()
    expect(chart).not_to_have_js_property("innerHTML", before)
    without_grpo = chart.inner_html()
    app.get_by_label("Metric").select_option(label="response_length")
    expect(chart).not_to_have_js_property("innerHTML", without_grpo)
    expect(app).to_contain_text("mean tokens per response")
    app.get_by_label("Seeds apart").check()
    expect(app).to_contain_text("seed 1")
    app.get_by_label("Smoothing").select_option("5")
    expect(app).to_contain_text("mean of the last 5 steps")
    app.get_by_label("Log axis").check()
    expect(app).to_contain_text("without a positive value")
    assert app.get_by_label("Against").locator("option").all_inner_texts() == ["training step", MINUTES], "no tokens"
    app.get_by_label("Against").select_option(label=MINUTES)
    expect(app.locator(".chart svg")).to_contain_text(MINUTES)
    expect(app.locator(".readout caption")).to_contain_text("at step")


def test_a_value_can_be_read_with_the_keyboard(page):
    bring(page, "curves-app")
    app = page.locator("#curves-app")
    expect(app.locator("svg:not(.swatch)").first).to_be_visible()
    app.locator("[tabindex='0']").first.focus()
    page.keyboard.press("ArrowRight")
    expect(app).to_contain_text("GRPO")
    expect(app.locator(".readout")).to_contain_text("step")


def test_a_response_opens_with_its_verdict_and_nothing_in_it_runs(page):
    bring(page, "responses-app")
    app = page.locator("#responses-app")
    app.get_by_label("Run").select_option("grpo")
    app.get_by_label("Verdict").select_option("unverifiable")
    first = app.locator("details.response").first
    expect(first).to_contain_text("unverifiable")
    first.locator("summary").click()
    expect(first).to_contain_text("</script><script>window.owned = true</script>")
    expect(first).to_contain_text("time limit")
    app.get_by_label("Verdict").select_option("correct")
    expect(app.locator("details.response").first).to_contain_text("correct")


def test_the_token_view_shows_each_token_with_its_values(page):
    bring(page, "tokens-app")
    app = page.locator("#tokens-app")
    expect(app).to_contain_text("7")
    text = app.inner_text()
    assert all(word in text.lower() for word in ("probability", "entropy", "weight"))


def test_the_findings_come_first_and_their_table_sorts(page):
    first = page.locator("main section").first
    # The default experiment's statements are judged on it alone, and this is another one.
    assert first.locator(".statements li").count() == 0
    names = first.locator(".scores tbody th")
    assert names.count() == 7, "six methods and the base model"
    first.get_by_role("button", name="accuracy, %").click()
    assert "base model" in names.first.inner_text()
    values = first.locator(".scores tbody td:nth-child(2)").evaluate_all(
        "cells => cells.map(c => Number(c.dataset.value))"
    )
    assert values == sorted(values)


def test_a_cell_of_the_main_table_leads_to_its_responses(page):
    page.locator("button.cell[data-run='steer'][data-benchmark='synthetic-fraction']").click()
    app = page.locator("#responses-app")
    expect(app.get_by_label("Benchmark")).to_have_value("synthetic-fraction")
    expect(app.get_by_label("Run")).to_have_value("steer")
    expect(app.locator("details.response").first).to_contain_text("STEER, seed")
    assert app.locator("details.response").count() <= 15


def test_estimates_are_compared_by_statistic_and_update(page):
    bring(page, "estimates-app")
    app = page.locator("#estimates-app")
    expect(app).to_contain_text("+0.40 [+0.30, +0.50]")
    expect(app).to_contain_text("Best on the base model: theorem, +0.40")
    assert app.locator("svg.mark circle").count() == 2
    app.get_by_label("Agreement as").select_option("spearman")
    expect(app).to_contain_text("Best on the base model: tabular, +0.70")
    app.get_by_label("Update").select_option("own")
    expect(app.locator("tbody")).to_contain_text("\u2013")
    assert app.locator("svg.mark circle").count() == 0, "no value, no mark"


def test_figures_are_inside_the_page_and_enlarge(page):
    button = page.locator(".enlarge").first
    button.scroll_into_view_if_needed()
    assert button.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 300
    button.click()
    expect(page.locator("#lightbox")).to_be_visible()
    box, window = page.locator("#lightbox img").bounding_box(), page.viewport_size
    assert box["x"] >= 0 and box["x"] + box["width"] <= window["width"]
    assert box["y"] >= 0 and box["y"] + box["height"] <= window["height"]
    page.keyboard.press("Escape")
    expect(page.locator("#lightbox")).to_be_hidden()


@pytest.mark.parametrize("width", [360, pytest.param(1200, marks=pytest.mark.slow)])
def test_nothing_sticks_out_sideways(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    for section in ("curves-app", "figures", "responses-app", "tokens-app", "glossary"):
        bring(page, section)
        page.wait_for_timeout(150)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_dark_and_light_by_button(page):
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.locator("#theme").click()
    assert page.evaluate(background) != light
    page.locator("#theme").click()
    assert page.evaluate(background) == light


def test_the_page_says_what_is_not_there_and_stays_small(tmp_path):
    write_fake_results(tmp_path, {}, ())
    out = tmp_path / "index.html"
    arguments = ["--config", f"{tmp_path}/config.yaml", "--results", str(tmp_path), "--out", str(out)]
    assert cli.main(["report", *arguments]) == 0
    text = out.read_text()
    assert "no training run" in text
    assert "no figure" in text
    assert len(text) < 500_000
    assert cli.main(["report", *arguments[:2], "--results", f"{tmp_path}/absent", "--out", str(out)]) == 2


def test_curves_against_minutes_never_run_backwards_and_name_who_lacks_them(browser, tmp_path):
    """By hand: a seed of 30 minutes a step for 3 steps and one of 5 for 5 are at 17.5, 35 and 52.5 together."""
    folders = {"uneven/seed0": (3, 30), "uneven/seed1": (5, 5), "bare/seed0": (2, None), "half/seed0": (2, None)}
    folders |= {"half/seed1": (2, 9)}
    for place, (steps, minutes) in folders.items():
        rows = [{"step": 1_000_000 + i, "entropy": 0.5 + 0.1 * i} for i in range(steps)]
        rows = [{**row, "seconds": 60 * minutes} if minutes else row for row in rows]
        write_jsonl(tmp_path / place / "metrics.jsonl", rows)
    out = tmp_path / "report.html"
    runs = [str(tmp_path / run) for run in ("uneven", "bare", "half")]
    assert cli.main(["report", "--runs", *runs, "--out", str(out)]) == 0
    page = browser.new_page()
    page.goto(out.as_uri())
    page.locator("#curves-app").scroll_into_view_if_needed()  # parts of the page start near the window
    app = page.locator("#curves-app")
    expect(app.locator(".chart svg")).to_contain_text("1000004")  # steps are exact
    app.get_by_label("Against").select_option(label=MINUTES)
    expect(app).to_contain_text("A mean is drawn where every seed of its run has the step.")
    expect(app).to_contain_text("half, seed 0: the log has no `seconds` of its steps.")
    places = app.locator("path.line.r0").first.get_attribute("d")[1:].split("L")
    places = [float(place.split(",")[0]) for place in places]
    assert len(places) == 3 and places == sorted(places)
    app.get_by_label("Seeds apart").check()
    expect(app.locator(".readout tbody tr")).to_have_count(3)
    dash = app.locator(".chart path.line.r2").get_attribute("stroke-dasharray")
    assert dash == "7 3", "the second seed looks the same whether or not the first is drawn"
    for apart in (True, False):
        app.get_by_label("Seeds apart").set_checked(apart)
        app.get_by_role("button", name="None").click()
        expect(app.locator("p[role=status]")).to_have_text("No run is chosen.")
        app.get_by_label("bare", exact=True).check()
        expect(app.locator("p[role=status]")).to_have_text("bare: the log has no `seconds` of its steps.")
        expect(app.locator(".chart svg")).to_have_text(f"No chosen run has: {MINUTES}")
    page.close()
