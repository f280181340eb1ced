"""The command `mesh evaluate`. It imports what it needs when it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel

    from mesh.evaluate.scoring import QuerySet, Report

Model = TypeVar("Model", bound="BaseModel")

Queries = Annotated[Path | None, typer.Argument(metavar="[QUERIES]", help="A query set; see docs/search.md.")]
Url = Annotated[str | None, typer.Option("--url", help="Of the API, as `make status` shows it.")]
Env = Annotated[
    str | None, typer.Option("--env", metavar="ENV", help="The environment (local, dev, …) whose API it is, for --url.")
]
User = Annotated[
    str | None, typer.Option("--user", metavar="EMAIL", help="With --env: signs in as this user, for --token.")
]
PasswordFile = Annotated[
    Path | None,
    typer.Option("--password-file", metavar="FILE", help="Its first line is the user's password; -: standard input."),
]
Token = Annotated[
    str | None, typer.Option("--token", envvar="MESH_TOKEN", help="An access token of the user whose collection it is.")
]
SearchType = Annotated[str, typer.Option("--search-type", help="bm25, vector or hybrid.")]
Depth = Annotated[int, typer.Option("-k", min=1, max=50, help="Results that count.")]
Compare = Annotated[
    tuple[Path, Path] | None, typer.Option("--compare", metavar="A B", help="Two reports of --json: B beside A.")
]
MaxDrop = Annotated[float, typer.Option("--max-drop", min=0, help="With --compare: a larger drop in NDCG fails.")]
Plot = Annotated[Path | None, typer.Option("--plot", metavar="FILE", help="Also draw NDCG@k by kind, as SVG.")]
LangSmith = Annotated[
    bool,
    typer.Option(
        "--langsmith",
        help="Also store this in LangSmith, with the texts of the queries: a dataset and an experiment of each report. "
        "Needs LANGSMITH_API_KEY; --compare needs QUERIES too.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.")]


def evaluate(  # options of a command
    queries: Queries = None,
    url: Url = None,
    env: Env = None,
    token: Token = None,
    user: User = None,
    password_file: PasswordFile = None,
    search_type: SearchType = "hybrid",
    k: Depth = 10,
    compare: Compare = None,
    max_drop: MaxDrop = 0.01,
    plot: Plot = None,
    langsmith: LangSmith = False,
    as_json: AsJson = False,
) -> None:
    """Ask an API a set of queries with known answers: P@k, R@k, MRR, NDCG@k, by kind; or compare two reports."""
    from mesh.run import guarded

    if (queries is None) == (compare is None or langsmith):
        raise typer.BadParameter("give a query set, or --compare with two reports; with --langsmith also their queries")
    if search_type not in ("bm25", "vector", "hybrid"):
        raise typer.BadParameter(f"no search type to evaluate: {search_type}")
    if compare is None and (bool(url) == bool(env) or not (token or (env and user))):
        needed = "--url or --env, and --token or MESH_TOKEN; with --env --user will do"
        raise typer.BadParameter(f"a query set is asked of an API: give {needed}")

    def ask() -> None:
        from mesh.client import Api
        from mesh.evaluate.asking import ask_all
        from mesh.evaluate.plot import svg
        from mesh.evaluate.scoring import EvaluationError, QuerySet
        from mesh.evaluate.showing import document, markdown

        asked = _read(Path(str(queries)), QuerySet)
        address, bearer = (str(url), token) if env is None else _opened(env, token, user, password_file)
        with Api(address, bearer) as api:
            report = ask_all(api, asked, search_type=search_type, k=k)
        typer.echo(json.dumps(document(report), indent=2) if as_json else markdown(report))
        if plot is not None:
            _write(plot, svg(report))
        if langsmith:
            _store(asked, [report])
        errors = [scored.error for scored in report.queries if scored.error is not None]
        if errors and len(errors) == len(report.queries):
            raise EvaluationError(f"no query was answered: {errors[0]}")

    def beside() -> None:
        from mesh.evaluate.scoring import QuerySet, Report, differences
        from mesh.evaluate.showing import compared

        before, after = (_read(path, Report) for path in compare or ())
        changes = differences(before, after)
        dumped = {name: figure.model_dump() for name, figure in changes.items()}
        typer.echo(json.dumps(dumped, indent=2) if as_json else compared(changes, before.k))
        if langsmith:
            _store(_read(Path(str(queries)), QuerySet), [before, after])
        if changes["ndcg"].mean < -max_drop:
            raise typer.Exit(1)

    guarded(ask if compare is None else beside)


def _opened(env: str, token: str | None, user: str | None, password_file: Path | None) -> tuple[str, str]:
    """The API's address, and the token that was given or else the user's."""
    from mesh.environments import open_environment
    from mesh.users.passwords import read_password
    from mesh.users.pool import UserPool

    environment = open_environment(env)
    if user is None:
        return environment.api_url, str(token)
    tokens = UserPool(environment).sign_in(user, read_password(password_file))
    return environment.api_url, tokens.access.get_secret_value()


def _store(asked: QuerySet, reports: list[Report]) -> None:
    """What LangSmith does not take is one line on standard error: it costs neither the report nor the exit code."""
    from localmesh.config import MeshSettings

    key = MeshSettings().langsmith_api_key
    if key is None:
        typer.echo("mesh: not stored in LangSmith: LANGSMITH_API_KEY is not set", err=True)
        return
    from mesh.evaluate.experiments import NotStoredError, store

    try:
        names = store(asked, reports, key=key.get_secret_value())
    except NotStoredError as error:
        typer.echo(f"mesh: {error}", err=True)
    else:
        typer.echo("\n".join(f"stored in LangSmith: {name}" for name in names), err=True)


def _write(path: Path, text: str) -> None:
    from mesh.evaluate.scoring import EvaluationError

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise EvaluationError(f"{path} cannot be written: {error.strerror}") from error


def _read(path: Path, model: type[Model]) -> Model:
    from pydantic import ValidationError

    from mesh.evaluate.scoring import EvaluationError

    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        wanted = {name: value for name, value in known.items() if name in model.model_fields}
        return model.model_validate(wanted)
    except (OSError, ValueError, AttributeError, ValidationError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error).replace("\n", " ")
        raise EvaluationError(f"{path} cannot be read: {reason}") from error
