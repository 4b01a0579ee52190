"""Notebooks in which something changes what a function reads, in every way that people and libraries have for it.

Of each, the last cell defines ``f``; ``is_carried`` tells whether the change can come along, or has to be refused where
there is no kernel.
"""

from __future__ import annotations

from dataclasses import dataclass

ROWS = "rows = [{'k': 0}, {'k': 1}]"
CFG = "cfg = {'a': {'b': [1]}, 'c': [3, 2]}"
READ_ROWS = "def f(): return rows"
READ_CFG = "def f(): return cfg"
STORE = (
    "class Store:\n    def __init__(self, data):\n        self.data = data\n"
    "    def set(self, key, value):\n        self.data[key] = value\n    def inner(self):\n        return self.data\n"
)
BOX = "class Box:\n    def __init__(self, d):\n        self.d = d\n        self.n = 0"


@dataclass(frozen=True)
class Planted:
    id: str
    cells: tuple[str, ...]
    is_carried: bool = True


def carried(name: str, *cells: str) -> Planted:
    return Planted(name, cells)


def refused(name: str, *cells: str) -> Planted:
    return Planted(name, cells, is_carried=False)


PLANTED = [
    # On the object itself.
    carried("item", CFG, "cfg['a']['b'] = 2", READ_CFG),
    carried("append_inside", CFG, "cfg['a']['b'].append(3)", READ_CFG),
    carried("update", CFG, "cfg.update(z=1)", READ_CFG),
    carried("delete", CFG, "del cfg['c']", READ_CFG),
    carried("augmented_item", CFG, "cfg['c'] += [9]", READ_CFG),
    carried("update_operator", CFG, "cfg |= {'z': 1}", READ_CFG),
    carried("setdefault", CFG, "cfg.setdefault('n', []).append(1)", READ_CFG),
    carried("slice", "xs = [1, 2, 3]", "xs[1:] = [9]", "def f(): return xs"),
    carried("sort", "xs = [3, 1, 2]", "xs.sort()", "def f(): return xs"),
    # Through another name.
    carried("alias", CFG, "alias = cfg", "alias['k'] = 2", READ_CFG),
    carried("alias_of_alias", CFG, "alias = cfg", "other = alias", "other['k'] = 2", READ_CFG),
    carried("alias_of_part", CFG, "part = cfg['a']", "part['k'] = 2", READ_CFG),
    carried("alias_augmented", "xs = [1]", "ys = xs", "ys += [2]", "def f(): return xs"),
    carried(
        "alias_before_rebinding",
        CFG,
        "alias = cfg",
        "holder = {'c': alias}\ncfg = 5",
        "alias['k'] = 1",
        "def f(): return holder",
    ),
    carried("two_names", "a = b = [1]", "b.append(2)", "def f(): return a"),
    carried("unpacked", ROWS, "first, second = rows", "first['k'] = 9", READ_ROWS),
    carried("starred", ROWS, "first, *others = rows", "others[0]['k'] = 9", READ_ROWS),
    carried("walrus", CFG, "(alias := cfg)['k'] = 1", READ_CFG),
    carried("swapped", "a, b = [1], [2]", "a, b = b, a", "b.append(3)", "def f(): return a, b"),
    carried("conditional_alias", CFG, "alias = cfg if len(cfg) else {}", "alias['k'] = 1", READ_CFG),
    carried("loop_variable_later", ROWS, "for row in rows:\n    pass", "row['k'] = 7", READ_ROWS),
    # Through an element.
    carried("loop", ROWS, "for row in rows:\n    row['k'] += 1", READ_ROWS),
    carried(
        "loop_over_values",
        CFG,
        "for value in cfg.values():\n    if isinstance(value, list):\n        value.append(1)",
        READ_CFG,
    ),
    carried(
        "loop_over_items", CFG, "for key, value in cfg.items():\n    if key == 'c':\n        value.append(1)", READ_CFG
    ),
    carried("loop_with_enumerate", ROWS, "for i, row in enumerate(rows):\n    row['i'] = i", READ_ROWS),
    carried("loop_with_zip", ROWS, "for row, n in zip(rows, [5, 6]):\n    row['n'] = n", READ_ROWS),
    carried(
        "nested_loops",
        "grid = [[0, 0], [0, 0]]",
        "for line in grid:\n    for i in range(2):\n        line[i] = i",
        "def f(): return grid",
    ),
    carried("while", ROWS, "i = 0\nwhile i < 2:\n    rows[i]['k'] = 5\n    i += 1", READ_ROWS),
    carried("get", CFG, "cfg.get('a')['b'] = 7", READ_CFG),
    carried("values_as_list", CFG, "list(cfg.values())[1].append(5)", READ_CFG),
    carried("next_of_iter", ROWS, "next(iter(rows))['k'] = 5", READ_ROWS),
    carried("largest", "lists = [[1], [1, 2]]", "max(lists, key=len).append(5)", "def f(): return lists"),
    carried("sorted_elements", ROWS, "for row in sorted(rows, key=lambda r: r['k']):\n    row['s'] = 1", READ_ROWS),
    carried("comprehension", ROWS, "[row.update(k=9) for row in rows]", READ_ROWS),
    carried("comprehension_kept", ROWS, "chosen = [row for row in rows if row['k']]", "chosen[0]['k'] = 9", READ_ROWS),
    carried("dict_comprehension", ROWS, "index = {row['k']: row for row in rows}", "index[1]['k'] = 9", READ_ROWS),
    carried("filter", ROWS, "chosen = list(filter(lambda row: row['k'], rows))", "chosen[0]['k'] = 9", READ_ROWS),
    carried("reversed", ROWS, "for row in reversed(rows):\n    row['k'] = 3", READ_ROWS),
    carried("shallow_copy", CFG, "other = cfg.copy()", "other['a']['b'] = 5", READ_CFG),
    carried("dict_of", CFG, "other = dict(cfg)", "other['c'].append(5)", READ_CFG),
    carried("list_of", ROWS, "other = list(rows)", "other[0]['k'] = 5", READ_ROWS),
    carried("spread", CFG, "other = {**cfg, 'z': 1}", "other['a']['b'] = 5", READ_CFG),
    carried("joined", ROWS, "both = rows + [{}]", "both[0]['k'] = 5", READ_ROWS),
    carried("copied_part_augmented", CFG, "other = dict(cfg)", "other['c'] += [1]", READ_CFG),
    carried("match", CFG, "match cfg:\n    case {'a': inner}:\n        inner['b'] = 4", READ_CFG),
    carried("try", CFG, "try:\n    part = cfg['a']\nexcept KeyError:\n    part = {}\npart['z'] = 1", READ_CFG),
    carried(
        "index_by_loop", ROWS, "index = {}\nfor row in rows:\n    index[row['k']] = row", "index[1]['k'] = 9", READ_ROWS
    ),
    carried(
        "groups",
        "from collections import defaultdict",
        ROWS,
        "groups = defaultdict(list)\nfor row in rows:\n    groups[row['k']].append(row)",
        "groups[1][0]['k'] = 9",
        READ_ROWS,
    ),
    carried("run_again_while_held", CFG, "holder = [cfg]", CFG, "cfg['z'] = 1", "def f(): return holder, cfg"),
    carried(
        "run_again_after_a_change",
        CFG,
        "holder = [cfg]",
        "def tweak(d): d['k'] = 2",
        "tweak(cfg)",
        CFG,
        "def f(): return holder, cfg",
    ),
    carried("run_again_and_unchanged", "n = 3", "xs = [n]", "n = 3", "xs.append(n)", "def f(): return xs, n"),
    carried("repeated", CFG, "pair = [cfg] * 2", "pair[1]['k'] = 1", READ_CFG),
    carried("unpacked_items", CFG, "(key, value), *others = cfg.items()", "value['z'] = 1", READ_CFG),
    carried("star_in_list", ROWS, "[*rows][0]['k'] = 1", READ_ROWS),
    carried("slice_of_rows", ROWS, "for row in rows[1:]:\n    row['k'] = 5", READ_ROWS),
    carried("main_guard", CFG, "if __name__ == '__main__':\n    part = cfg['a']\n    part['k'] = 1", READ_CFG),
    carried("condition", CFG, "if len(cfg) > 1:\n    cfg['a']['k'] = 1", READ_CFG),
    carried("magic", CFG, "%time cfg['a']['k'] = 1", READ_CFG),
    carried("cell_magic", CFG, "%%time\npart = cfg['a']\npart['k'] = 1", READ_CFG),
    refused("printed_on_the_way", ROWS, "for row in rows:\n    row['k'] = 5\n    print(row)", READ_ROWS),
    carried("profiled_cell", CFG, "%%prun -q\npart = cfg['a']\npart['k'] = 1", READ_CFG),
    carried("profiled_line", CFG, "%prun -q cfg['a'].update(k=1)", READ_CFG),
    carried("captured_cell", CFG, "%%capture out\ncfg['k'] = 1", READ_CFG),
    carried("automatic_magic", CFG, "time cfg.update(k=1)", READ_CFG),
    refused("timed_cell", CFG, "%%timeit -n 1 -r 1\npart = cfg['a']\npart['k'] = 1", READ_CFG),
    refused("timed_setup", CFG, "%%timeit -n1 -r1 part = cfg['a']\npart['k'] = 1", READ_CFG),
    refused("timed_function", CFG, "def tweak(d): d['k'] = 1", "%timeit -n 1 -r 1 tweak(cfg)", READ_CFG),
    refused("timed_function_in_cell", CFG, "def tweak(): cfg['k'] = 1", "%%timeit -n1 -r1\ntweak()", READ_CFG),
    refused("timed_in_a_branch", CFG, "if len(cfg):\n    %timeit -n 1 -r 1 cfg['a'].update(k=1)", READ_CFG),
    carried(
        "suppressed", "from contextlib import suppress", CFG, "with suppress(KeyError):\n    cfg['k'] = 1", READ_CFG
    ),
    carried(
        "own_context",
        CFG,
        "class Editing:\n    def __init__(self, d): self.d = d\n    def __enter__(self): return self.d\n"
        "    def __exit__(self, *exc): self.d['left'] = True",
        "with Editing(cfg) as part:\n    part['k'] = 1",
        READ_CFG,
    ),
    refused("file_open", CFG, "import os\nwith open(os.devnull) as file:\n    cfg['k'] = 1", READ_CFG),
    # Through something that holds it.
    carried("held_in_dict", CFG, "holder = {'cfg': cfg}", "holder['cfg']['k'] = 2", READ_CFG),
    carried("held_in_list", CFG, "holder = []\nholder.append(cfg)", "holder[0]['k'] = 2", READ_CFG),
    carried("held_in_tuple", CFG, "pair = (cfg, 1)", "pair[0]['k'] = 2", READ_CFG),
    carried("stored_in_item", CFG, "holder = {}\nholder['x'] = cfg", "holder['x']['k'] = 2", READ_CFG),
    carried("made_of_parts", "inner = [1]\ncfg = {'i': inner}", "inner.append(2)", READ_CFG),
    carried("held_by_object", STORE, CFG, "store = Store(cfg)", "store.set('k', 2)", READ_CFG),
    carried("taken_from_object", STORE, CFG, "store = Store(cfg)", "store.inner()['k'] = 2", READ_CFG),
    carried("attribute_of_object", STORE, CFG, "store = Store(cfg)", "store.data['k'] = 2", READ_CFG),
    carried(
        "namespace",
        "from types import SimpleNamespace",
        CFG,
        "space = SimpleNamespace(c=cfg)",
        "space.c['k'] = 1",
        READ_CFG,
    ),
    # Through functions.
    carried("function_with_argument", CFG, "def tweak(d): d['k'] = 1", "tweak(cfg)", READ_CFG),
    carried("function_with_keyword", CFG, "def tweak(*, d): d['k'] = 1", "tweak(d=cfg)", READ_CFG),
    carried("function_with_part", CFG, "def tweak(d): d['k'] = 1", "tweak(cfg['a'])", READ_CFG),
    carried(
        "function_over_rows",
        ROWS,
        "def number(table):\n    for i, row in enumerate(table):\n        row['n'] = i",
        "number(rows)",
        READ_ROWS,
    ),
    carried(
        "function_by_local_name", CFG, "def tweak(d):\n    inner = d['a']\n    inner['k'] = 1", "tweak(cfg)", READ_CFG
    ),
    carried(
        "function_by_another", CFG, "def inner(d): d['k'] = 1\ndef outer(d): inner(d['a'])", "outer(cfg)", READ_CFG
    ),
    carried(
        "function_with_star", CFG, "def tweak(*ds):\n    for d in ds:\n        d['k'] = 1", "tweak(cfg, {})", READ_CFG
    ),
    carried("function_that_gives_it", CFG, "def get(): return cfg['a']", "get()['k'] = 1", READ_CFG),
    carried(
        "function_that_gives_argument", CFG, "def same(d): return d", "other = same(cfg)", "other['k'] = 1", READ_CFG
    ),
    carried(
        "function_that_gives_part",
        ROWS,
        "def first(table): return table[0]",
        "row = first(rows)",
        "row['k'] = 8",
        READ_ROWS,
    ),
    carried("function_with_default", CFG, "def tweak(d=cfg):\n    d['k'] = 1", "tweak()", READ_CFG),
    carried("function_on_global", CFG, "def setup():\n    part = cfg['a']\n    part['k'] = 1", "setup()", READ_CFG),
    carried(
        "function_that_stores", CFG, "kept = []\ndef keep(d): kept.append(d)", "keep(cfg)", "kept[0]['k'] = 1", READ_CFG
    ),
    refused("function_in_table", CFG, "def tweak(d): d['k'] = 1", "jobs = {'t': tweak}", "jobs['t'](cfg)", READ_CFG),
    refused("function_handed_on", CFG, "def tweak(d): d['k'] = 1\ndef call(g, d): g(d)", "call(tweak, cfg)", READ_CFG),
    carried("mapped", ROWS, "def tweak(row): row['k'] = 4", "list(map(tweak, rows))", READ_ROWS),
    carried("mapped_lambda", ROWS, "list(map(lambda row: row.update(k=4), rows))", READ_ROWS),
    carried(
        "partial",
        CFG,
        "from functools import partial\ndef tweak(d, k): d[k] = 1",
        "job = partial(tweak, cfg)",
        "job('z')",
        READ_CFG,
    ),
    carried("lambda_by_name", CFG, "put = lambda d, k: d.update({k: 1})", "put(cfg, 'z')", READ_CFG),
    carried("class_handed_on", ROWS, BOX, "boxes = list(map(Box, rows))", "boxes[0].d['k'] = 5", READ_ROWS),
    carried("bound_method", "xs = [1]", "add = xs.append", "add(2)", "def f(): return xs"),
    refused(
        "decorated",
        CFG,
        "def tweaks(g):\n    def inner(d):\n        d['k'] = 1\n        return g(d)\n    return inner",
        "@tweaks\ndef show(d): return len(d)",
        "show(cfg)",
        READ_CFG,
    ),
    carried(
        "method_with_argument", CFG, "class Tool:\n    def tweak(self, d): d['k'] = 1", "Tool().tweak(cfg)", READ_CFG
    ),
    carried(
        "static_method",
        CFG,
        "class Tool:\n    @staticmethod\n    def tweak(d): d['k'] = 1",
        "Tool.tweak(cfg)",
        READ_CFG,
    ),
    carried(
        "inherited_method",
        CFG,
        "class Base:\n    def __init__(self, d): self.d = d\n    def go(self): self.d['k'] = 1\nclass Tool(Base): pass",
        "tool = Tool(cfg)\ntool.go()",
        READ_CFG,
    ),
    carried(
        "context_manager",
        "from contextlib import contextmanager",
        CFG,
        "@contextmanager\ndef editing(d):\n    yield d['a']",
        "with editing(cfg) as part:\n    part['k'] = 1",
        READ_CFG,
    ),
    carried(
        "generator",
        ROWS,
        "def each():\n    for row in rows:\n        yield row",
        "for row in each():\n    row['k'] = 5",
        READ_ROWS,
    ),
    carried(
        "property",
        CFG,
        "class Box:\n    def __init__(self, d): self.d = d\n    @property\n    def part(self): return self.d['a']",
        "Box(cfg).part['k'] = 1",
        READ_CFG,
    ),
    carried(
        "dataclass",
        "from dataclasses import dataclass",
        CFG,
        "@dataclass\nclass Options:\n    data: dict",
        "options = Options(cfg)",
        "options.data['k'] = 1",
        READ_CFG,
    ),
    carried(
        "closure_over_argument",
        CFG,
        "def putter(d):\n    def put(key): d[key] = 1\n    return put",
        "put = putter(cfg)",
        "put('z')",
        READ_CFG,
    ),
    carried(
        "super_init",
        CFG,
        "class Base:\n    def __init__(self, d): self.d = d",
        "class Tool(Base):\n    def __init__(self, d): super().__init__(d)\n    def go(self): self.d['k'] = 1",
        "tool = Tool(cfg)",
        "tool.go()",
        READ_CFG,
    ),
    carried(
        "copied_into_object",
        ROWS,
        "class Table:\n    def __init__(self, rows): self.rows = list(rows)\n    def go(self): self.rows[0]['k'] = 4",
        "table = Table(rows)",
        "table.go()",
        READ_ROWS,
    ),
    carried(
        "set_item_of_object",
        CFG,
        "class Wrapped:\n    def __init__(self, d): self.d = d\n    def __setitem__(self, k, v): self.d[k] = v",
        "w = Wrapped(cfg)",
        "w['z'] = 1",
        READ_CFG,
    ),
    carried(
        "builder",
        CFG,
        "class Builder:\n    def __init__(self, d): self.d = d\n"
        "    def put(self, k):\n        self.d[k] = 1\n        return self",
        "Builder(cfg).put('y').put('z')",
        READ_CFG,
    ),
    carried(
        "recursive",
        CFG,
        "def even(d, n):\n    if n: odd(d, n - 1)\ndef odd(d, n):\n    d['odd'] = 1\n    if n: even(d, n - 1)",
        "even(cfg, 3)",
        READ_CFG,
    ),
    carried("called_from_class_body", CFG, "class A:\n    shared = cfg", "A.shared['k'] = 1", READ_CFG),
    carried("instance_of_class_body", CFG, "class A:\n    shared = cfg", "a = A()", "a.shared['k'] = 1", READ_CFG),
    # By libraries and builtins.
    refused(
        "shuffled",
        "import random",
        "deck = [1, 2, 3, 4, 5, 6]",
        "random.Random(3).shuffle(deck)",
        "def f(): return deck",
    ),
    refused(
        "shuffled_by_generator",
        "import numpy as np",
        "deck = [1, 2, 3, 4, 5, 6]",
        "rng = np.random.default_rng(0)",
        "rng.shuffle(deck)",
        "def f(): return deck",
    ),
    carried("heap", "import heapq", "heap = [3, 2, 1]", "heapq.heapify(heap)", "def f(): return heap"),
    carried("star_import", "from heapq import *", "heap = [3, 2, 1]", "heappush(heap, 0)", "def f(): return heap"),
    carried("bisect", "import bisect", "xs = [1, 3]", "bisect.insort(xs, 2)", "def f(): return xs"),
    carried("unbound_method", CFG, "dict.update(cfg, z=1)", READ_CFG),
    carried("operator", "import operator", CFG, "operator.setitem(cfg, 'z', 1)", READ_CFG),
    refused("getattr", CFG, "getattr(cfg, 'update')(z=1)", READ_CFG),
    refused("globals", CFG, "globals()['cfg']['z'] = 1", READ_CFG),
    refused("exec", CFG, "exec('cfg[\"z\"] = 1')", READ_CFG),
    refused(
        "chain_map",
        "from collections import ChainMap",
        CFG,
        "both = ChainMap(cfg, {})",
        "both['z'] = 1; print(both)",
        "both['y'] = 2",
        "print(both.pop('y'))",
        READ_CFG,
    ),
    carried("copy_module", "import copy", CFG, "other = copy.copy(cfg)", "other['a']['z'] = 1", READ_CFG),
    refused(
        "thread",
        "from threading import Thread",
        CFG,
        "def tweak(d): d['k'] = 1",
        "t = Thread(target=tweak, args=(cfg,))",
        "t.start(); t.join()",
        READ_CFG,
    ),
    carried("from_keys", CFG, "table = dict.fromkeys('ab', cfg)", "table['a']['k'] = 1", READ_CFG),
    carried("chained", "import itertools", ROWS, "for row in itertools.chain(rows, []):\n    row['k'] = 5", READ_ROWS),
    carried("deque", "from collections import deque", "q = deque([1, 2])", "r = q", "r.rotate(1)", "def f(): return q"),
    carried(
        "reduce",
        "from functools import reduce",
        "xs = [[1], [2]]",
        "reduce(lambda a, b: a.extend(b) or a, xs)",
        "def f(): return xs",
    ),
    # Arrays.
    carried(
        "array_view", "import numpy as np", "w = np.array([1, 2, 3])", "v = w[1:]", "v[0] = 9", "def f(): return w"
    ),
    carried(
        "array_reshaped",
        "import numpy as np",
        "w = np.array([1, 2, 3, 4])",
        "m = w.reshape(2, 2)",
        "m[0, 0] = 9",
        "def f(): return w",
    ),
    carried("array_augmented", "import numpy as np", "w = np.array([1, 2])", "v = w", "v += 1", "def f(): return w"),
    carried(
        "array_rows",
        "import numpy as np",
        "w = np.array([[1, 2], [3, 4]])",
        "for row in w:\n    row *= 2",
        "def f(): return w",
    ),
    carried(
        "array_fill",
        "import numpy as np",
        "w = np.array([1, 2])",
        "v = np.asarray(w)",
        "v.fill(7)",
        "def f(): return w",
    ),
    carried("array_out", "import numpy as np", "w = np.array([1, 2])", "np.add(w, 1, out=w)", "def f(): return w"),
    carried("array_copyto", "import numpy as np", "w = np.array([1, 2])", "np.copyto(w, 5)", "def f(): return w"),
    # Classes and objects.
    carried(
        "layer",
        "class Layer:\n    def __init__(self): self.w = 0",
        "model = [Layer(), Layer()]",
        "model[0].w = 5",
        "def f(): return [layer.w for layer in model]",
    ),
    carried(
        "layer_alias",
        "class Layer:\n    def __init__(self): self.w = 0",
        "model = [Layer(), Layer()]",
        "layer = model[0]",
        "layer.w = 5",
        "def f(): return [layer.w for layer in model]",
    ),
    carried(
        "class_attribute",
        "class Base:\n    items = []",
        "one = Base()",
        "one.items.append(1)",
        "def f(): return Base.items",
    ),
    carried(
        "class_through_method",
        "class Base:\n    items = []\n    def add(self, x): self.items.append(x)",
        "one = Base()",
        "one.add(1)",
        "def f(): return Base.items",
    ),
    carried(
        "class_through_subclass",
        "class Base:\n    items = []",
        "class Sub(Base): pass",
        "Sub.items.append(1)",
        "def f(): return Base.items",
    ),
    carried(
        "class_through_type",
        "class Base:\n    n = 0\n    def up(self): type(self).n += 1",
        "Base().up()",
        "def f(): return Base.n",
    ),
    carried(
        "class_method",
        "class Base:\n    n = 0\n    @classmethod\n    def up(cls): cls.n += 1",
        "one = Base()\none.up()",
        "def f(): return Base.n",
    ),
    carried(
        "closure_state",
        "def counter():\n    n = 0\n    def up():\n        nonlocal n\n        n += 1\n        return n\n    return up",
        "count = counter()",
        "count()",
        "def f(): return count()",
    ),
    carried("vars", "class Box: pass", "box = Box()", "vars(box)['x'] = 1", "def f(): return box.x"),
    # By ways that name nothing of it.
    carried(
        "holder_with_two_names",
        CFG,
        "holder = {}\nother = holder",
        "holder['c'] = cfg",
        "part = other['c']\npart.fill(2) if hasattr(part, 'fill') else part.update(k=2)",
        READ_CFG,
    ),
    refused("code_that_is_computed", CFG, "name = 'cfg'", "exec(name + '[\"k\"] = 2')", READ_CFG),
    refused("timed_over_and_over", "xs = [1]", "%timeit -n 2 -r 1 xs.append(2)", "def f(): return xs"),
    refused("name_set_by_computed_code", "limit = 5", "exec('limit = ' + '7')", "def f(): return limit"),
    refused("name_set_by_plain_code", "limit = 5", "exec('limit = 7')", "def f(): return limit"),
    refused("name_set_by_named_code", "limit = 5", "code = 'limit = 7'", "exec(code)", "def f(): return limit"),
    refused("name_set_in_globals", "limit = 5", "globals()['limit'] = 7", "def f(): return limit"),
    refused("names_set_in_globals", "limit = 5", "globals().update({'limit': 7})", "def f(): return limit"),
    refused("name_set_by_key", "limit = 5", "name = 'limit'\nglobals()[name] = 7", "def f(): return limit"),
    refused(
        "name_set_by_function",
        "limit = 5",
        "def load(**settings): globals().update(settings)",
        "load(limit=7)",
        "def f(): return limit",
    ),
    refused("value_that_is_computed", CFG, "name = 'cfg'", "eval(name + '.update(k=2)')", READ_CFG),
    refused(
        "function_that_runs_text",
        CFG,
        "def go(text): exec(text, globals())",
        "go('cfg' + '[\"k\"] = 2')",
        READ_CFG,
    ),
]


@dataclass(frozen=True)
class Untouched:
    id: str
    needs: str
    cells: tuple[str, ...]


def untouched(name: str, needs: str, *cells: str) -> Untouched:
    return Untouched(name, needs, cells)


UNTOUCHED = [
    untouched(
        "made_by_mapping",
        "Op add table f",
        "class Op:\n    def __init__(self, sign): self.sign = sign\n    def __call__(self, x): return (self.sign, x)",
        "add, = map(Op, '+')",
        "table = {'a': add(1)}",
        "print(table, isinstance(add, Op))",
        "def f(): return table",
    ),
    untouched("asked_for_its_class", "cfg f", BOX, CFG, "print(isinstance(cfg, Box), cfg == Box)", READ_CFG),
    untouched("timed_and_looked_at", "xs f", "xs = [1]", "%timeit -n 1 -r 1 sum(xs)", "def f(): return xs"),
    untouched(
        "bound_while_timed", "xs f", "xs = [1]", "%%timeit -n 1 -r 1\nxs = [5]\nxs.append(2)", "def f(): return xs"
    ),
    untouched(
        "other_names_set", "limit f", "limit = 5", "globals()['rate'] = 7\nexec('rate = 8')", "def f(): return limit"
    ),
    untouched("set_before", "limit f", "exec('limit = ' + '7')", "limit = 5", "def f(): return limit"),
    untouched("run_elsewhere", "limit f", "limit = 5", "space = {}\nexec(str(limit), space)", "def f(): return limit"),
    untouched(
        "looked_at", "cfg f", CFG, "print(cfg, len(cfg), cfg['a'])\nfor k, v in cfg.items():\n    print(k, v)", READ_CFG
    ),
    untouched(
        "numbers_taken_out",
        "cfg f",
        "cfg = {'lr': 0.1, 'n': 3}",
        "lr = cfg['lr']\nlr *= 2\nn = cfg.get('n')\nn += 1",
        READ_CFG,
    ),
    untouched("deep_copy", "cfg f", "import copy", CFG, "other = copy.deepcopy(cfg)", "other['a']['b'] = 5", READ_CFG),
    untouched(
        "json_copy", "cfg f", "import json", CFG, "other = json.loads(json.dumps(cfg))", "other['a']['b'] = 5", READ_CFG
    ),
    untouched(
        "shallow_copy_at_its_top",
        "cfg f",
        CFG,
        "other = dict(cfg)",
        "other['z'] = 5",
        "more = cfg.copy()\nmore.pop('a')",
        READ_CFG,
    ),
    untouched(
        "list_copies",
        "xs f",
        "xs = [1, 2]",
        "ys = xs[:]\nys.append(3)\nzs = list(xs)\nzs.sort()\nws = xs + [4]\nws[0] = 9",
        "def f(): return xs",
    ),
    untouched(
        "holder_gets_more", "cfg f", CFG, "holder = {'cfg': cfg}", "holder['other'] = 1\nholder.pop('other')", READ_CFG
    ),
    untouched(
        "plotted",
        "xs f",
        "import matplotlib.pyplot as plt",
        "xs = [1, 2]",
        "fig, ax = plt.subplots()\nax.plot(xs, xs)\nax.set_title('t')\nplt.bar(xs, xs)",
        "def f(): return xs",
    ),
    untouched(
        "frames",
        "columns f",
        "import pandas as pd",
        "columns = ['a', 'b']",
        "df = pd.DataFrame([[1, 2]], columns=columns)\ndf['c'] = 3\ndf2 = df[columns]\ndf2.dropna(inplace=True)",
        "def f(): return columns",
    ),
    untouched(
        "fitted",
        "params f",
        "from sklearn.linear_model import Ridge",
        "params = {'alpha': 1.0}",
        "model = Ridge(**params)\nmodel.fit([[1], [2]], [1, 2])\nmodel.set_params(alpha=2)",
        "def f(): return params",
    ),
    untouched(
        "computed",
        "w np f",
        "import numpy as np",
        "w = np.array([1.0, 2.0])",
        "v = np.sqrt(w)\nv[0] = 5\nu = w * 2\nu += 1\nt = w.copy()\nt[:] = 0\ns = w.sum()\ns += 1\nplaced = w.mean()",
        "def f(): return w",
    ),
    untouched(
        "own_function_that_looks",
        "cfg f",
        CFG,
        "def show(d):\n    for key in d:\n        print(key, d[key])",
        "show(cfg)",
        READ_CFG,
    ),
    untouched(
        "own_function_that_copies",
        "cfg f",
        CFG,
        "def merged(d):\n    d = dict(d)\n    d['z'] = 1\n    return d",
        "other = merged(cfg)",
        "other['y'] = 2",
        READ_CFG,
    ),
    untouched(
        "own_class_that_looks",
        "cfg f",
        CFG,
        "class Trainer:\n    def __init__(self, cfg):\n        self.cfg = cfg\n        self.log = []\n"
        "    def fit(self):\n"
        "        self.log.append(self.cfg['c'])\n        self.done = True\n        return self",
        "trainer = Trainer(cfg).fit()",
        "trainer.name = 'x'",
        READ_CFG,
    ),
    untouched(
        "sorted_by_key",
        "rows f",
        ROWS,
        "best = max(rows, key=lambda r: r['k'])['k']\nby = sorted(rows, key=lambda r: -r['k'])\nby.append({})",
        READ_ROWS,
    ),
    untouched(
        "text_parts",
        "names f",
        "names = 'a b c'.split()",
        "first = names[0]\nfirst += 'x'\nfor name in names:\n    name = name.upper()",
        "def f(): return names",
    ),
    untouched(
        "reader_of_a_length",
        "rows n f",
        ROWS,
        "n = len(rows)",
        "import random\nrandom.shuffle(rows)",
        "def f(): return n",
    ),
    untouched("overwritten_alias", "cfg f", CFG, "alias = cfg\nalias = {}\nalias['k'] = 1", READ_CFG),
    untouched(
        "instance_state_of_its_own",
        "Base f",
        "class Base:\n    n = 0\n    def __init__(self): self.items = []",
        "one = Base()\none.items.append(1)\none.n = 5",
        "def f(): return Base().n",
    ),
]
