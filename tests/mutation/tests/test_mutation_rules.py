"""What is mutated, which mutants are left out as equivalent, and what a run's figures mean."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from manifests import load_manifests
from mutation import report
from mutation.cli import app
from mutation.configuration import load
from mutation.project import Mutant
from workspace import REPOSITORY, OperatorError

SETTINGS = load()


def test_contracts_libraries_and_every_service_are_covered() -> None:
    services = set(load_manifests(REPOSITORY).services)
    assert set(SETTINGS.packages) == {"contracts", "chassis", "retrieval", *services}
    assert all((REPOSITORY / package.tests).is_dir() for package in SETTINGS.packages.values())


@pytest.mark.parametrize(
    ("wanted", "package", "prefix"),
    [
        ("chassis", "chassis", "chassis"),
        ("chassis.outbox", "chassis", "chassis.outbox"),
        ("chassis.queue", "chassis", "chassis.queue"),
        ("services/imaging", "imaging", "imaging"),
        ("services/imaging/", "imaging", "imaging"),
        ("services/imaging/src/imaging/exif.py", "imaging", "imaging.exif"),
        ("services/lib/chassis/src/chassis/queue/retry.py", "chassis", "chassis.queue.retry"),
        ("services/analysis/src/analysis/prompts/__init__.py", "analysis", "analysis.prompts"),
    ],
)
def test_modules_are_named_by_dots_or_by_path(wanted: str, package: str, prefix: str) -> None:
    found, name = SETTINGS.select(wanted)
    assert (found.name, name) == (package, prefix)


@pytest.mark.parametrize("wanted", ["mesh", "chassis.nothing", "services/nothing", "services/lib/chassis/tests", ""])
def test_a_module_that_is_not_covered_is_refused(wanted: str) -> None:
    with pytest.raises(OperatorError, match="contracts"):
        SETTINGS.select(wanted)


EQUIVALENT = [
    ('raise ValueError("times carry a zone")', 'raise ValueError("XXtimes carry a zoneXX")'),
    ('run("select 1 from items")', 'run("SELECT 1 FROM ITEMS")'),
    ('path.read_text(encoding="utf-8")', "path.read_text()"),
    ('path.read_text(encoding="utf-8")', "path.read_text(encoding=None)"),
    ('path.write_text(text, encoding="utf-8")', "path.write_text(text, )"),
    ('text.encode("utf-8")', 'text.encode("UTF-8")'),
    ("cast(str, value)", "cast(None, value)"),
    ("cast(str, value)", "cast(value)"),
    ("zip(one, other, strict=True)", "zip(one, other, )"),
    ("zip(one, other, strict=True)", "zip(one, other, strict=False)"),
    ("found.get(name, None)", "found.get(name, )"),
    ('int.from_bytes(head, "big")', "int.from_bytes(head, )"),
]
OTHERWISE = [
    ('raise ValueError("times carry a zone")', "raise ValueError(None)"),
    ('problem("not-found")', 'problem("XXnot-foundXX")'),
    ("cast(str, value)", "cast(str, None)"),
    ("zip(one, other, strict=True)", "zip(None, other, strict=True)"),
    ("found.get(name, None)", "found.get(None, None)"),
    ("found.get(name, False)", "found.get(name, )"),
    ("a < b", "a <= b"),
    ('call("one", a < b, "two")', 'call("one", a <= b, "two")'),
    ('if one == "a" and two == "b":', 'if one == "a" or two == "b":'),
    ('{"one": a + 1, "two words": b}', '{"one": a - 1, "two words": b}'),
    (r'call("\"", a < b, "two")', r'call("\"", a <= b, "two")'),
]


@pytest.mark.parametrize(("before", "after"), EQUIVALENT)
def test_what_no_test_could_notice_is_left_out(before: str, after: str) -> None:
    assert SETTINGS.is_equivalent("any.module.x_function__mutmut_1", before, after)


@pytest.mark.parametrize(("before", "after"), OTHERWISE)
def test_what_a_test_could_notice_is_not(before: str, after: str) -> None:
    assert not SETTINGS.is_equivalent("any.module.x_function__mutmut_1", before, after)


def test_every_rule_is_needed() -> None:
    for rule in SETTINGS.rules:
        others = replace(SETTINGS, rules=tuple(other for other in SETTINGS.rules if other is not rule))
        assert not all(others.is_equivalent("any.x_f__mutmut_1", *case) for case in EQUIVALENT), rule.pattern


def test_every_reviewed_mutant_is_still_one() -> None:
    for one in SETTINGS.equivalents:
        package, _ = SETTINGS.select(one.module)
        path = REPOSITORY / package.source / one.module.replace(".", "/")
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        text = "".join(path.read_text(encoding="utf-8").split())
        assert "".join(one.before.split()) in text, f"{one.module} has no longer {one.before}"
        assert one.reason
        assert SETTINGS.is_equivalent(f"{one.module}.x_f__mutmut_1", f"    {one.before}", f"    {one.after}")


def result(package: str = "chassis", **verdicts: int) -> report.Result:
    named = {name.replace("_", " "): count for name, count in verdicts.items()}
    return report.Result(package, named, 2, ())


def test_a_mutant_is_noticed_unless_it_survives() -> None:
    figures = result(killed=6, timeout=1, segfault=1, survived=1, no_tests=1)
    assert (figures.tested, figures.noticed) == (10, 8)
    assert report.score([figures]) == 80
    assert report.score([figures, result("chat", killed=10)]) == 90
    assert report.score([]) == 100


@pytest.mark.parametrize("verdict", ["suspicious", "skipped", "not checked", "anything new"])
def test_a_verdict_that_says_nothing_of_the_tests_is_a_shortfall(verdict: str) -> None:
    figures = report.Result("chassis", {"killed": 99, verdict: 1}, 0, ())
    assert (figures.noticed, figures.undecided) == (99, 1)
    assert report.shortfalls([figures], {}) == ["chassis: 1 mutants were not tested to the end"]


def test_a_score_below_its_threshold_is_a_shortfall() -> None:
    minimum = {"overall": 90.0, "chassis": 92.0}
    assert report.shortfalls([result(killed=92, survived=8)], minimum) == []
    assert report.shortfalls([result(killed=91, survived=9)], minimum) == [
        "chassis: tests notice 91.0 % of mutants, 92.0 % are required"
    ]
    [overall] = report.shortfalls([result("chat", killed=89, survived=11)], minimum)
    assert overall.startswith("overall: tests notice 89.0 %")


def test_a_run_that_was_not_finished_is_a_shortfall() -> None:
    [unfinished] = report.shortfalls([result("chat", killed=99, not_checked=1)], {"overall": 90.0})
    assert unfinished == "chat: 1 mutants were not tested to the end"


def test_results_survive_a_file(tmp_path: Path) -> None:
    mutants = {
        name: Mutant(name, "services/chat/src/chat/turn.py", line, "a < b", "a <= b")
        for name, line in [("m1", 9), ("m2", 5)]
    }
    verdicts = {"m1": "survived", "m2": "no tests", "m3": "killed"}
    made = report.Result.of("chat", mutants, verdicts, 4)
    assert [mutant.line for mutant in made.survivors] == [5, 9]
    (tmp_path / "chat.json").write_text(report.dump([made]), encoding="utf-8")
    assert report.read([tmp_path / "chat.json"]) == [made]
    assert report.table([made]).splitlines()[-1] == "| chat | 3 | 1 | 0 | 0 | 1 | 1 | 4 | 33.3 % |"
    assert report.survivors([made]).startswith(
        "services/chat/src/chat/turn.py:5  m2\n    - a < b\n    + a <= b\nservices/chat/src/chat/turn.py:9  m1\n"
    )


def test_what_was_tested_is_told_though_another_package_cannot_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tested = report.Result("contracts", {"killed": 9, "survived": 1}, 0, ())
    monkeypatch.setattr("mutation.cli._run", lambda *_: iter([OperatorError("chat: its tests fail"), tested]))
    monkeypatch.setattr("mutation.cli.hosted_servers", nullcontext)
    run = CliRunner().invoke(app, ["run", "--json", str(tmp_path / "results.json")])
    assert (run.exit_code, report.read([tmp_path / "results.json"])) == (2, [tested])
    assert "| contracts | 10 | 9 |" in run.output
    assert "mutants: chat: its tests fail" in run.output
