"""Pages of many runs and of the default size: what they take of space, and of time in a browser."""

import pytest
from fake_results import write_fake_results
from playwright.sync_api import expect

from steer import cli
from steer.io import read_jsonl

# Milliseconds from choosing a smoothing to the frame after the new curves are in the page.
REDRAW = """async (field) => {
  const drawn = new Promise((done) => new MutationObserver(() => requestAnimationFrame(done))
    .observe(document.querySelector("#curves-app .chart"), { childList: true }));
  const start = performance.now();
  field.value = "50";
  field.dispatchEvent(new Event("change"));
  await drawn;
  return performance.now() - start;
}"""


@pytest.mark.slow
def test_forty_runs_of_five_hundred_steps_are_drawn_at_once_and_read_exactly(browser, tmp_path):
    """Each redraw takes some 50 ms of processor time; the limit here allows for a busy machine. docs/results.md."""
    write_fake_results(tmp_path, {f"method_{i}": f"method {i}" for i in range(40)}, (0,), 500, questions=2, samples=2)
    out = tmp_path / "report" / "index.html"
    assert (
        cli.main(["report", "--config", f"{tmp_path}/config.yaml", "--results", str(tmp_path), "--out", str(out)]) == 0
    )
    assert out.stat().st_size < 3_000_000
    context = browser.new_context(viewport={"width": 320, "height": 800})
    page = context.new_page()
    page.goto(out.as_uri())
    app = page.locator("#curves-app")
    app.get_by_role("button", name="All").click()
    expect(app.locator("path.line")).to_have_count(40)
    points = app.locator("path.line").evaluate_all(
        "lines => lines.map(line => line.getAttribute('d').split('L').length)"
    )
    assert 100 < max(points) < 450, "fewer points than steps are drawn, on a phone's width"
    app.locator(".chart").focus()
    for key in ("Home", "PageUp", "PageUp", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    expect(app.locator(".readout caption")).to_have_text("entropy at step 23")
    values = read_jsonl(tmp_path / "runs" / "method_7" / "seed0" / "metrics.jsonl")[22]
    shown = app.locator(".readout tbody tr").nth(7).locator("td").first.inner_text()
    assert float(shown) == pytest.approx(values["entropy"], rel=1e-3)
    took = app.get_by_label("Smoothing").evaluate(REDRAW)
    assert took < 2000, f"{took:.0f} ms"
    context.close()


@pytest.mark.slow
def test_a_profile_of_the_default_size_stays_under_three_megabytes(tmp_path):
    methods = {f"method_{i}": f"method {i}" for i in range(6)}
    write_fake_results(tmp_path, methods, (0, 1), steps=120, questions=64)
    out = tmp_path / "index.html"
    arguments = ["--config", f"{tmp_path}/config.yaml", "--results", str(tmp_path), "--out", str(out)]
    assert cli.main(["report", *arguments]) == 0
    assert 100_000 < out.stat().st_size < 3_000_000
