"""Everything that a network can be told off for, as one table: id, severity, and the words in both languages.

A text is a format string over a finding's facts; a part in ``[[…]]`` is left out where a fact in it is empty.
An error refuses a network (or the row, where rows may be set aside); a warning is for its owner to mend.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


class Subject(StrEnum):
    """What a rule is about: where its owner will look."""

    FILE = "file"
    ROW = "row"
    TOPOLOGY = "topology"
    GEOMETRY = "geometry"
    LINKAGE = "linkage"


@dataclass(frozen=True, slots=True)
class Rule:
    id: str
    severity: Severity
    subject: Subject
    zh: str
    en: str

    def text(self, facts: Mapping[str, str], language: str = "en") -> str:
        """What is wrong, in ``zh`` or ``en``."""
        template = self.zh if language == "zh" else self.en
        return _OPTIONAL.sub(lambda part: _given(part[1], facts), template).format(**facts)


_OPTIONAL: Final = re.compile(r"\[\[(.*?)\]\]")
_FACT: Final = re.compile(r"\{(\w+)")


def _given(part: str, facts: Mapping[str, str]) -> str:
    return part if all(facts.get(name) for name in _FACT.findall(part)) else ""


_E, _W = Severity.ERROR, Severity.WARNING

_FILES: Final = tuple(
    Rule(identifier, severity, Subject.FILE, zh, en)
    for identifier, severity, zh, en in (
        ("no-folder", _E, "{path} 不是文件夹", "{path} is no folder"),
        ("missing-table", _E, "缺少 {file}", "{file} is missing"),
        ("empty-table", _E, "{file} 没有数据行", "{file} has no rows"),
        ("empty-file", _E, "文件为空，应有表头行", "the file is empty; a header row was expected"),
        ("too-large", _E, "文件超过 {limit} 字节", "the file is larger than {limit} bytes"),
        (
            "bad-encoding",
            _E,
            "不是 {expected} 编码[[，可能是 {likely}]]，请另存为 UTF-8",
            "not {expected}[[, probably {likely}]]; save the file as UTF-8",
        ),
        ("broken-csv", _E, "不是有效的 CSV：{problem}", "not readable as CSV: {problem}"),
        ("unreadable", _E, "无法读取：{problem}", "not readable: {problem}"),
        ("duplicate-column", _E, "列 {column} 出现两次", "column {column!r} appears twice"),
        (
            "missing-column",
            _E,
            "缺少列 {column}[[，找到的相近列为 {near}]]",
            "column {column!r} is missing[[; found {near!r}]]",
        ),
        (
            "not-installed",
            _E,
            "未安装 {module}，请安装 {extra}",
            "{module} is not installed; install {extra}",
        ),
        (
            "unknown-grid",
            _E,
            "软件包 {package} 中没有电网 {name}",
            "the package {package} has no grid {name!r}",
        ),
        (
            "unknown-format",
            _E,
            "无法判断 {path} 的格式，应为 {expected}",
            "{path} is of no known kind; expected {expected}",
        ),
        ("not-supported", _E, "表 {tables} 在这里没有对应", "tables {tables} have no counterpart here"),
        ("bad-mapping", _E, "映射文件：{problem}", "mapping: {problem}"),
        (
            "missing-layer",
            _E,
            "缺少图层 {layer}，现有 {found}",
            "layer {layer!r} is missing; there are {found}",
        ),
        (
            "no-coordinate-system",
            _E,
            "图层没有坐标系，请在映射文件中写明 crs",
            "the layer names no coordinate system; state crs in the mapping",
        ),
        (
            "wrong-zone",
            _E,
            "按 {crs} 换算后不在该投影带内（东经 {lon}）；横坐标是否按此名称带有带号？",
            "read as {crs} it lies outside that zone (at {lon} E); are the eastings as this name says?",
        ),
        (
            "made-up",
            _W,
            "pandapower 网络中没有 {what}，均为虚构，仅供练习",
            "a pandapower net holds no {what}: they are made up, to practise on",
        ),
        (
            "coordinates-not-read",
            _W,
            "坐标系为 {path}，应为 {expected}，坐标未读取",
            "coordinates are in {path}, expected {expected}; they are not read",
        ),
        (
            "unread-layer",
            _W,
            "图层未读取（映射文件中没有，{count} 个要素）",
            "this layer is not read ({count} features; the mapping does not name it)",
        ),
        (
            "skipped",
            _W,
            "按映射文件跳过 {count} 个要素（{column} = {values}）",
            "{count} features passed over, as the mapping says ({column} = {values})",
        ),
        ("unread-class", _W, "{count} 个 {name} 对象未读取", "{count} objects of class {name} are not read"),
        (
            "units-guessed",
            _W,
            "未写明单位，按 {units} 读取（最高电压 {voltage}）",
            "units are not stated; read as {units} (highest voltage {voltage})",
        ),
    )
)

_ROWS: Final = tuple(
    Rule(identifier, severity, Subject.ROW, zh, en)
    for identifier, severity, zh, en in (
        (
            "column-count",
            _E,
            "有 {found} 列，表头有 {expected} 列",
            "{found} columns, expected {expected} as in the header",
        ),
        ("missing-id", _E, "id 为空", "id is empty"),
        ("duplicate-id", _E, "id {id} 已在 {table} 中使用", "id {id!r} is already used in {table}"),
        (
            "bad-number",
            _E,
            "{column} 为 {found}，应为数字[[，{low} 至 {high}]]",
            "{column} is {found!r}, expected a number[[ from {low} to {high}]]",
        ),
        (
            "unknown-kind",
            _E,
            "{column} 为 {found}，应为 {expected}",
            "{column} is {found!r}, expected {expected}",
        ),
        (
            "bad-flag",
            _E,
            "{column} 为 {found}，应为 {expected}",
            "{column} is {found!r}, expected {expected}",
        ),
        (
            "bad-phases",
            _E,
            "{column} 为 {found}，应为 {expected}",
            "{column} is {found!r}, expected {expected}",
        ),
        (
            "bad-geometry",
            _W,
            "几何图形为 {found}，应为 {expected}",
            "its geometry is {found}, expected {expected}",
        ),
        ("empty-reference", _E, "{column} 为空", "{column} is empty"),
        *(
            (name, _E, "{column} 为 {found}，该对象不存在", "{column} names {found!r}, which does not exist")
            for name in (
                "dangling-edge",
                "unknown-edge",
                "unknown-node",
                "unknown-customer",
                "unknown-terminal",
            )
        ),
        (
            "dangling-switch",
            _E,
            "开关连接母线 {bus} 与元件 {element_id}（{kind}），但该元件不在此端",
            "a switch joins bus {bus} with element {element_id} ({kind}), which does not end there",
        ),
        (
            "missing-end",
            _E,
            "{name} 有 {found} 个已连接的端子，应为 {expected} 个",
            "this {name} has {found} connected terminals, expected {expected}",
        ),
        (
            "meter-without-place",
            _E,
            "既没有节点，也没有能说明变压器的终端",
            "it has neither a node nor a terminal that tells its transformer",
        ),
        ("bad-validity", _E, "{problem}", "{problem}"),
        (
            "overlapping-validity",
            _E,
            (
                "{foreign_id} 指向 {own_id}，而第 {other} 行（{first} 至 {last}）仍指向 {other_id}；"
                "同一时间只应有一个 own_id"
            ),
            (
                "{foreign_id!r} names {own_id!r} while row {other} (from {first} to {last}) still names "
                "{other_id!r}; expected one own_id at a time"
            ),
        ),
        (
            "unknown-own-id",
            _W,
            "own_id 为 {found}，该对象不存在",
            "own_id names {found!r}, which does not exist",
        ),
        (
            "place-unknown",
            _W,
            "在变压器 {transformer} 下的位置未知，以星形挂接",
            "its place below {transformer!r} is unknown; it hangs on it as a star",
        ),
        (
            "low-side-made",
            _W,
            "变压器没有低压侧节点，已补建 {node}",
            "this transformer has no low-voltage node; {node!r} was made for it",
        ),
        (
            "meter-made",
            _W,
            "用户没有电能表，已补建 {meter}",
            "this customer came without a meter; {meter!r} was made for it",
        ),
        (
            "customer-made",
            _W,
            "没有用户表，已补建用户 {customer}",
            "no list of customers came; customer {customer!r} was made",
        ),
        (
            "sides-guessed",
            _W,
            "有 {count} 条线路止于此开关，取 {first} 在一侧，其余在另一侧",
            "{count} lines end at this switch; {first!r} is taken to lie on one side, the rest on the other",
        ),
        (
            "joined-by-place",
            _W,
            "没有节点编号，按端点坐标连接（距离最大 {distance_m} 米）",
            "it names no nodes; joined by where its ends lie (at most {distance_m} m away)",
        ),
        (
            "loose-end",
            _W,
            "端点 {end} 在 {tolerance_m} 米内没有其他设备[[；最近的是 {near}，相距 {distance_m} 米]]",
            (
                "nothing else lies within {tolerance_m} m of its end at {end}"
                "[[; the nearest is {near!r}, {distance_m} m away]]"
            ),
        ),
    )
)

_TOPOLOGY: Final = tuple(
    Rule(identifier, severity, Subject.TOPOLOGY, zh, en)
    for identifier, severity, zh, en in (
        ("no-source", _E, "没有变电站节点，全网无电源", "no node is a substation, so nothing is supplied"),
        (
            "terminal-not-on-transformer",
            _E,
            "监测对象 {edge} 不是变压器",
            "it watches {edge!r}, which is no transformer",
        ),
        (
            "meter-without-transformer",
            _E,
            "挂在 {node} 上，该节点没有变压器供电",
            "it hangs on {node!r}, which no transformer feeds",
        ),
        ("loop", _W, "构成环路，断开一侧不会停电", "it closes a loop; losing one side will interrupt nobody"),
        (
            "two-feeds",
            _W,
            "把 {first} 与 {second} 合环，两侧同时供电",
            "it joins {first!r} and {second!r}: what lies between is fed from both",
        ),
        ("same-ends", _W, "两端是同一节点 {node}", "both its ends are the same node {node!r}"),
        (
            "out-of-service",
            _W,
            "不是开关却未闭合，按停运处理",
            "it is no switch but not closed; it counts as out of service",
        ),
        ("orphan", _W, "没有任何设备与它相连", "nothing is connected to it"),
        (
            "island",
            _W,
            "孤岛：即使开关全部闭合也没有电源（共 {nodes} 个节点、{meters} 只电能表）",
            (
                "an island: no source reaches it even with all switches closed "
                "({nodes} nodes, {meters} meters together)"
            ),
        ),
        (
            "unsupplied",
            _W,
            "没有电源到达（共 {nodes} 个节点、{meters} 只电能表）",
            "no source reaches it ({nodes} nodes, {meters} meters together)",
        ),
        (
            "wrong-voltage",
            _W,
            "连接 {low_kv} kV 与 {high_kv} kV 两个电压等级，但不是变压器",
            "it joins {low_kv} kV and {high_kv} kV but is no transformer",
        ),
        (
            "wrong-voltage-of-kind",
            _W,
            "类型为 {kind}，电压却是 {voltage_kv} kV",
            "it is a {kind} at {voltage_kv} kV",
        ),
        (
            "upside-down",
            _W,
            "终端监测的 {edge} 低压侧为 {voltage_kv} kV",
            "it watches {edge!r}, whose low side has {voltage_kv} kV",
        ),
    )
)

_GEOMETRY: Final = tuple(
    Rule(identifier, _W, Subject.GEOMETRY, zh, en)
    for identifier, zh, en in (
        ("no-coordinates", "没有坐标，不会显示在地图上", "it has no coordinates and will not be on the map"),
        (
            "geometry-gap",
            "路径端点距其节点 {distance_m} 米",
            "its course ends {distance_m} m away from its node",
        ),
        (
            "too-short",
            "长度 {length_m} 米小于两端直线距离 {distance_m} 米",
            "its length {length_m} m is less than the {distance_m} m straight between its ends",
        ),
        (
            "meter-far",
            "距变压器 {transformer} {distance_m} 米，超过 {limit_m} 米",
            "it lies {distance_m} m from its transformer {transformer!r}, more than {limit_m} m",
        ),
    )
)

_LINKAGE: Final = tuple(
    Rule(identifier, _W, Subject.LINKAGE, zh, en)
    for identifier, zh, en in (
        ("transformer-without-meters", "下面没有电能表", "no meter hangs below it"),
        ("customer-without-meter", "该用户没有电能表", "this customer has no meter"),
        (
            "terminal-of-another-area",
            "采集终端监测的是 {transformer}，它不给该节点供电",
            "its terminal watches {transformer!r}, which does not feed its node",
        ),
    )
)

RULES: Final[Mapping[str, Rule]] = {
    rule.id: rule for rule in (*_FILES, *_ROWS, *_TOPOLOGY, *_GEOMETRY, *_LINKAGE)
}
MORE_ZH: Final = "另有 {more} 条同类问题"
MORE_EN: Final = "and {more} more like these"
