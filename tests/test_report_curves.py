"""The curves of a page of runs whose logs differ: seeds of other lengths, logs without times."""

from playwright.sync_api import expect

from steer import cli
from steer.io import write_jsonl

MINUTES = "training time (minutes)"


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
