"""What the import of assets looks like on the wire: how to import, the plan, what was done."""

from ninja import Schema
from pydantic import ConfigDict

from quarterdeck.inventory.api import ImportPlan, ImportResult, RowKind

MOST_ROWS_SHOWN = 1_000


class ImportIn(Schema):
    """How to import a file: `mapping` is a JSON object of column name to field; `token` names the plan to apply."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = True
    mapping: str = ""
    token: str = ""
    skip_bad_rows: bool = False


class ColumnOut(Schema):
    """What a column of the file was taken for; no field means that it is ignored."""

    header: str
    field: str
    guessed: bool


class DifferenceOut(Schema):
    """One field, old and new."""

    field: str
    old: str
    new: str


class PlannedRowOut(Schema):
    """What an import would do with one row."""

    line: int
    kind: RowKind
    hostname: str
    differences: list[DifferenceOut]


class RowErrorOut(Schema):
    """What is wrong with one cell or row, and what to do about it."""

    line: int
    column: str
    field: str
    code: str
    sentence: str
    next_step: str


class ResultOut(Schema):
    """What an import did."""

    added: int
    changed: int
    unchanged: int
    skipped: int

    @classmethod
    def of(cls, result: ImportResult) -> "ResultOut":
        """Return the counts as they go over the wire."""
        return cls(added=result.added, changed=result.changed, unchanged=result.unchanged, skipped=result.skipped)


class ImportOut(Schema):
    """The plan of an import and, when it was applied, what it did. Unchanged rows are counted, not shown."""

    dry_run: bool
    token: str
    file_sha256: str
    encoding: str
    delimiter: str
    columns: list[ColumnOut]
    add: int
    change: int
    unchanged: int
    rows: list[PlannedRowOut]
    rows_left_off: int
    errors: list[RowErrorOut]
    errors_left_off: int
    notices: list[str]
    result: ResultOut | None = None

    @classmethod
    def of(cls, plan: ImportPlan, result: ImportResult | None = None) -> "ImportOut":
        """Return the plan as it goes over the wire, at most 1,000 rows and errors of it."""
        shown = [row for row in plan.rows if row.kind is not RowKind.UNCHANGED]
        return cls(
            dry_run=result is None,
            token=plan.token,
            file_sha256=plan.file_sha256,
            encoding=plan.encoding,
            delimiter=plan.delimiter,
            columns=[ColumnOut(header=one.header, field=one.field, guessed=one.guessed) for one in plan.columns],
            add=plan.count(RowKind.ADD),
            change=plan.count(RowKind.CHANGE),
            unchanged=plan.count(RowKind.UNCHANGED),
            rows=[
                PlannedRowOut(
                    line=row.line,
                    kind=row.kind,
                    hostname=row.hostname,
                    differences=[DifferenceOut(field=d.field, old=d.old, new=d.new) for d in row.differences],
                )
                for row in shown[:MOST_ROWS_SHOWN]
            ],
            rows_left_off=max(0, len(shown) - MOST_ROWS_SHOWN),
            errors=[
                RowErrorOut(
                    line=one.line,
                    column=one.column,
                    field=one.field,
                    code=one.code,
                    sentence=one.sentence,
                    next_step=one.next_step,
                )
                for one in plan.errors[:MOST_ROWS_SHOWN]
            ],
            errors_left_off=max(0, len(plan.errors) - MOST_ROWS_SHOWN),
            notices=list(plan.notices),
            result=None if result is None else ResultOut.of(result),
        )
