"""What each function of the corpus needs, or what keeps it in the notebook.

``needs`` is every name its module may bind, no more and no less; ``calls`` are expressions whose values have to be the
same in the notebook and in a clean process; ``blocked`` names every blocker with its kind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

CORPUS = Path(__file__).with_name("corpus")


@dataclass(frozen=True)
class Case:
    notebook: str
    name: str
    needs: str = ""
    calls: tuple[str, ...] = ()
    blocked: dict[str, str] = field(default_factory=dict)
    mode: str = "both"
    """``static`` or ``live`` where the two differ."""

    @property
    def id(self) -> str:
        return f"{self.notebook}-{self.name}"

    @property
    def path(self) -> Path:
        return CORPUS / f"{self.notebook}.ipynb"


def carried(notebook: str, name: str, needs: str, *calls: str, mode: str = "both") -> Case:
    return Case(notebook, name, needs, calls, mode=mode)


def blocked(notebook: str, name: str, mode: str = "both", **blockers: str) -> Case:
    return Case(notebook, name, blocked=blockers, mode=mode)


CASES = [
    # One name, several meanings.
    carried("redefinitions", "tax", "RATE tax", "tax(100)", "tax(100, 0.5)"),
    carried("redefinitions", "gross", "RATE tax gross", "gross(100)"),
    carried("redefinitions", "typed", "Number typed", "typed()", "typed(4)"),
    carried("redefinitions", "spelled", "Number spelled", "spelled(5)"),
    carried("redefinitions", "wrapped", "json wrapped", "wrapped('x')"),
    carried("redefinitions", "tens", "tens", "tens(4)"),
    carried("redefinitions", "plain_total", "plain_total", "plain_total([1, 2])"),
    blocked("redefinitions", "lost", scratch="undefined"),
    carried("redefinitions", "under", "limit under", "under(6)", "under(7)"),
    carried("redefinitions", "mode", "FAST mode", "mode()"),
    carried("redefinitions", "squared", "power table squared", "squared(4)"),
    carried("redefinitions", "cubed", "power cubed", "cubed(2)"),
    # Imports.
    carried("stars_and_imports", "hypotenuse", "sqrt hypotenuse", "hypotenuse(3, 4)"),
    carried("stars_and_imports", "counted", "Counter counted", "counted(['b', 'a', 'b'])"),
    carried("stars_and_imports", "extension", "os extension", "extension('a/b.txt')"),
    carried("stars_and_imports", "root_tag", "xml root_tag", "root_tag('<a/>')"),
    carried("stars_and_imports", "cube", "pow cube", "cube(2)"),
    carried("stars_and_imports", "raised", "pow raised", "raised(3)"),
    carried("stars_and_imports", "engine", "speed HAS_SPEED engine", "engine()"),
    carried("stars_and_imports", "later", "later", "later()"),
    carried("stars_and_imports", "joined", "osp sep joined", "joined('a', 'b')"),
    blocked("stars_and_imports", "needs_unknown", mystery="undefined", mode="static"),  # its cell fails when it is run
    carried("stars_and_imports", "executor_name", "concurrent executor_name", "executor_name()"),
    # Kinds of definitions.
    carried("definitions", "greet", "functools traced PREFIX greet", "greet('you')"),
    carried("definitions", "Square", "Shape Square EXPONENT", "Square(3).area()", "Square(1).sides"),
    carried(
        "definitions", "Record", "dataclass field DEFAULT_TAGS Record", "Record('x').label", "Record('y', ()).history"
    ),
    carried("definitions", "colour_names", "Enum Colour colour_names", "colour_names()"),
    carried("definitions", "outer", "BASE outer", "outer(3)"),
    carried("definitions", "triple", "make_scaler triple", "triple(4)"),
    carried("definitions", "square", "square", "square(5)"),
    carried("definitions", "adder", "BASE adder", "adder(1)"),
    carried("definitions", "run_fetched", "BASE fetched run_fetched", "run_fetched(1)"),
    carried("definitions", "fetched", "BASE fetched"),
    carried("definitions", "countdown", "countdown", "list(countdown(3))"),
    carried("definitions", "countdown_list", "countdown countdown_list", "countdown_list(2)"),
    carried("definitions", "fib", "functools fib", "fib(20)"),
    carried("definitions", "shown", "functools shown _", "shown(1)", "shown('x')"),
    carried("definitions", "annotated", "TYPE_CHECKING pd annotated", "annotated(1)", mode="static"),
    carried("definitions", "is_even", "is_even is_odd", "is_even(10)"),
    blocked("definitions", "origin", Point="data"),
    carried("definitions", "dead", "dead", "dead(1)"),
    carried("definitions", "Counter2", "Counter2", "Counter2()(1)"),
    # Module state.
    carried("state", "bump", "COUNT bump", "[bump(), bump()]"),
    blocked("state", "peek", COUNT="changed", mode="never"),
    carried("state", "cached", "CACHE cached", "cached(3)"),
    carried("state", "apply", "REGISTRY register double negate apply", "apply('double', 4)", "apply('negate', 4)"),
    carried("state", "content", "STOP content", "content(['the', 'an', 'x'])"),
    carried("state", "report", "LOG note report", "report()"),
    carried("state", "note", "LOG note", "note('x')"),
    carried("state", "volume", "OPTIONS alias volume", "volume()"),
    blocked("state", "top", DECK="changed"),
    blocked("state", "status", ENGINE="changed", mode="static"),
    carried("state", "retries", "Config retries", "retries()"),
    carried("state", "slow", "memo slow", "slow(1)"),
    carried("state", "at", "GRID row column at", "at(1, 2)"),
    carried("state", "double", "REGISTRY register double", "double(4)"),
    # Classes and objects that change after they were made.
    carried("classes_that_change", "numbered", "Node numbered", "numbered('x')"),
    carried("classes_that_change", "options", "Options set_size options", "options()"),
    carried("classes_that_change", "counted_up", "Tally chained tally counted_up", "counted_up()"),
    carried("classes_that_change", "raised_total", "Tally raise_by other raised_total", "raised_total()"),
    carried("classes_that_change", "toned", "Tally Loud2 loud toned", "toned()"),
    carried("classes_that_change", "robot", "add_to_class Robot greet_all GREETING TIMES robot", "robot()"),
    # What libraries are told, and functions that functions made.
    carried("libraries", "powers", "power square cube powers", "powers(3)"),
    carried("libraries", "looked_up", "power square cube SQUARES looked_up", "looked_up('raised')"),
    carried(
        "libraries", "corners", "pd Geo CORNERS corners", "corners(__import__('pandas').DataFrame({'a': [1, 2, 3]}))"
    ),
    carried("libraries", "width", "width", "width(__import__('pandas').DataFrame({'a': [1]}))"),
    carried("libraries", "encoded", "import_module codec encoded", "encoded([1])"),
    carried("libraries", "room", "os room", "room()"),
    # Registries that fill themselves.
    carried("registries", "ending_of", "Plugin Csv Json ending_of", "ending_of('Csv')", "ending_of('Json')"),
    carried("registries", "Csv", "Plugin Csv", "Csv.ending"),
    carried("registries", "handle", "HANDLERS enter twice handle", "handle('twice', 3)", "handle('minus', 3)"),
    carried("registries", "plus_one", "STEPS step plus_one", "plus_one(1)"),
    carried("registries", "run_steps", "STEPS step plus_one times_two run_steps", "run_steps(3)"),
    carried("registries", "order", "Menu menu soup order", "order('soup')"),
    # Installing on the way, unpacking, names that calls make, text with spaces at its end.
    carried("installs_and_globals", "alphabet", "letters_of alphabet", "alphabet()"),
    carried("installs_and_globals", "pairs_of", "first second p q pairs_of", "pairs_of()"),
    carried("installs_and_globals", "begun", "begun", "[begun(0), begun(2)]"),
    blocked("installs_and_globals", "uses_prepared", prepared="changed", mode="never"),
    carried("installs_and_globals", "text_lines", "TEXT text_lines", "text_lines()"),
    carried("installs_and_globals", "twin", "a b twin", "twin()"),
    carried("installs_and_globals", "counted_to", "count i counted_to", "counted_to()"),
    carried("installs_and_globals", "smallest", "heapq heap value smallest", "smallest()"),
    carried("installs_and_globals", "grouped", "groups grouped", "grouped()"),
    # Annotations that are never evaluated.
    carried(
        "postponed_annotations",
        "Settings",
        "dataclass field Level enum DEFAULT_LEVEL NamedTuple Place Settings",
        "Settings('a').bumped()",
        "Settings('a') < Settings('b')",
    ),
    carried("postponed_annotations", "Stack", "T TypeVar Generic Stack", "Stack().push(1).items"),
    carried(
        "postponed_annotations",
        "settings",
        "asdict dataclass field Level enum DEFAULT_LEVEL NamedTuple Place Settings settings",
        "settings()",
    ),
    carried("postponed_annotations", "total_area", "HasArea Protocol total_area", "total_area([])"),
    carried("postponed_annotations", "titled", "TypedDict Movie titled", "titled('x')"),
    carried("postponed_annotations", "row_count", "TYPE_CHECKING pd row_count", "row_count([1])", mode="static"),
    # Data.
    carried("data", "select", "FEATURES select"),
    blocked("data", "centred", MEAN="data"),
    blocked("data", "predict", model="data"),
    carried("data", "weighted", "np WEIGHTS weighted", "weighted([1, 2])"),
    carried("data", "raw_file", "Path FOLDER raw_file", "raw_file('x')"),
    carried("data", "days_since", "pd START days_since", "days_since('2024-01-03')"),
    blocked("data", "share", n_rows="data"),
    blocked("data", "percent", n_rows="data"),
    blocked("data", "first_rows", n_rows="data"),
    blocked("data", "where", HERE="data"),
    blocked("data", "age", NOW="data"),
    blocked("data", "draw", rng="data"),
    blocked("data", "columns", frame="data"),
    blocked("data", "everything", model="data", MEAN="data", undefined_name="undefined"),
    blocked("data", "remaining", pairs="data"),
    carried("data", "above", "LOW above", "above(__import__('pandas').DataFrame({'a': [1, 2, 3]}))"),
    carried("libraries", "half", "tau TURN HALF half", "half()"),
    blocked("libraries", "arguments", ARGUMENTS="data"),
    carried("libraries", "priced", "PRICE TAXES priced", "priced(2)"),
    carried("data", "evaluated", "evaluated", "evaluated('1 + 1')"),
    carried("data", "place", "FEATURES ORDER INDEX place", "place('z')"),
    # Magics.
    carried("magics", "circumference", "math PI2 circumference", "circumference(1)"),
    blocked("magics", "listed", files="magic"),
    blocked("magics", "shell_inside", shell_inside="magic"),
    blocked("magics", "magic_inside", magic_inside="magic"),
    carried("magics", "sized", "SIZE sized", "sized(2)"),
    blocked("magics", "written", written="hidden"),
    carried("magics", "lines", "text lines", "lines()"),
    carried("magics", "scaled", "SCALE scaled", "scaled(2)"),
    carried("magics", "show", "display show"),
    carried("magics", "quiet", "QUIET quiet", "quiet()"),
    carried("magics", "after", "AFTER after", "after()"),
    carried("magics", "prompted", "PROMPT prompted", "prompted()"),
    carried("magics", "indented", "INDENTED indented", "indented()"),
    carried("magics", "c", "a b c", "c()"),
    # Cells that are not Python 3, other formats, other line ends.
    carried("python2_and_broken", "good", "math good", "good(2.5)"),
    blocked("python2_and_broken", "old_style", old_style="hidden"),
    blocked("python2_and_broken", "half_typed", half_typed="hidden"),
    blocked("python2_and_broken", "uses_old", old_style="hidden"),
    carried("python2_and_broken", "tabbed", "tabbed", "tabbed(0)"),
    carried("python2_and_broken", "größe", "ünïcode größe", "größe(2)"),
    carried("windows_lines", "clipped", "LIMIT clipped", "clipped(11)", "clipped.__doc__"),
    carried("windows_lines", "rows", "TEXT rows", "rows()"),
    carried("format_three", "letter", "string LETTERS letter", "letter(27)"),
]

WORK = {
    "optional": "prints 'not there'",
    "loader": "opens /etc/hostname",
    "Loud": "prints 'loud'",
    "decorated": "prints 'decorating decorated'",
    "started": "calls subprocess.Popen",
    "Connected": "calls socket.gethostbyname",
}
"""Functions of ``work_at_import`` → what they would do when their module is imported."""
