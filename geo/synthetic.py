"""Made-up but readable names, addresses and people for grids that have none; the same number, the same name.

Nobody here exists: the telephone numbers lie in 199-0000-xxxx and up, a block handed to nobody.
"""

import zlib
from typing import Final

Name = tuple[str, str]
"""Chinese, and English for ``name_en``."""

_PLACES: Final[tuple[Name, ...]] = (
    ("和平", "Heping"), ("建设", "Jianshe"), ("光明", "Guangming"), ("文化", "Wenhua"), ("育才", "Yucai"),
    ("新华", "Xinhua"), ("幸福", "Xingfu"), ("长安", "Changan"), ("向阳", "Xiangyang"), ("青年", "Qingnian"),
    ("友谊", "Youyi"), ("团结", "Tuanjie"), ("迎春", "Yingchun"), ("朝阳", "Chaoyang"), ("翠湖", "Cuihu"),
    ("柳林", "Liulin"), ("桃园", "Taoyuan"), ("梅园", "Meiyuan"), ("松涛", "Songtao"), ("银杏", "Yinxing"),
    ("荷花", "Hehua"), ("金桂", "Jingui"), ("石桥", "Shiqiao"), ("南湖", "Nanhu"), ("北苑", "Beiyuan"),
    ("西园", "Xiyuan"), ("东苑", "Dongyuan"), ("钟楼", "Zhonglou"), ("码头", "Matou"), ("花园", "Huayuan"),
    ("锦绣", "Jinxiu"), ("凤凰", "Fenghuang"), ("泉水", "Quanshui"), ("学府", "Xuefu"), ("枫林", "Fenglin"),
)  # fmt: skip
_FEEDERS: Final[tuple[Name, ...]] = (
    ("东风", "Dongfeng"), ("红旗", "Hongqi"), ("城东", "Chengdong"), ("城西", "Chengxi"),
    ("城南", "Chengnan"), ("城北", "Chengbei"), ("滨河", "Binhe"), ("环湖", "Huanhu"),
    ("工业", "Gongye"), ("开发", "Kaifa"),
    ("高铁", "Gaotie"), ("机场", "Jichang"), ("水厂", "Shuichang"), ("大桥", "Daqiao"), ("农场", "Nongchang"),
)  # fmt: skip
_CELLS: Final[tuple[Name, ...]] = (
    ("明珠", "Mingzhu"), ("康宁", "Kangning"), ("瑞祥", "Ruixiang"), ("安泰", "Antai"), ("福源", "Fuyuan"),
    ("春晖", "Chunhui"), ("秋实", "Qiushi"), ("清泉", "Qingquan"), ("金穗", "Jinsui"), ("紫薇", "Ziwei"),
    ("玉兰", "Yulan"), ("星河", "Xinghe"), ("云山", "Yunshan"), ("长虹", "Changhong"), ("万和", "Wanhe"),
)  # fmt: skip
_SURNAMES: Final[tuple[Name, ...]] = (
    ("王", "Wang"), ("李", "Li"), ("张", "Zhang"), ("刘", "Liu"), ("陈", "Chen"), ("杨", "Yang"),
    ("赵", "Zhao"), ("黄", "Huang"), ("周", "Zhou"), ("吴", "Wu"), ("徐", "Xu"), ("孙", "Sun"),
    ("胡", "Hu"), ("朱", "Zhu"), ("高", "Gao"), ("林", "Lin"), ("何", "He"), ("郭", "Guo"),
)  # fmt: skip
_GIVEN: Final[tuple[Name, ...]] = (
    ("建国", "Jianguo"), ("秀英", "Xiuying"), ("志强", "Zhiqiang"), ("丽华", "Lihua"), ("海燕", "Haiyan"),
    ("明", "Ming"), ("静", "Jing"), ("文博", "Wenbo"), ("雨桐", "Yutong"), ("国庆", "Guoqing"),
    ("桂兰", "Guilan"), ("晓东", "Xiaodong"), ("思远", "Siyuan"), ("玉珍", "Yuzhen"), ("浩然", "Haoran"),
    ("欣怡", "Xinyi"), ("德福", "Defu"), ("春梅", "Chunmei"), ("子涵", "Zihan"), ("永健", "Yongjian"),
)  # fmt: skip
_SHOPS: Final[tuple[Name, ...]] = (
    ("便利店", "Store"), ("餐馆", "Restaurant"), ("诊所", "Clinic"), ("药店", "Pharmacy"),
    ("理发店", "Barber"), ("五金行", "Hardware"), ("打印社", "Print Shop"),
    ("超市", "Market"), ("茶楼", "Tea House"),
)  # fmt: skip
_WORKS: Final[tuple[Name, ...]] = (
    ("人民医院", "Hospital"), ("自来水厂", "Waterworks"), ("第一中学", "Middle School"),
    ("机械厂", "Machine Works"), ("冷库", "Cold Store"), ("商业广场", "Shopping Centre"),
    ("数据中心", "Data Centre"), ("食品厂", "Food Works"),
)  # fmt: skip


def chance(*key: object) -> float:
    """A fixed number in [0, 1) for a key: randomness that a second import repeats."""
    return zlib.crc32(repr(key).encode()) / 2**32


def _numbered(words: tuple[Name, ...], number: int) -> tuple[Name, int]:
    return words[number % len(words)], number // len(words) + 1


def area(number: int) -> Name:
    """A transformer area (台区), 0-based number."""
    (chinese, english), turn = _numbered(_PLACES, number)
    return f"{chinese}{turn}号台区", f"{english} {turn} area"


def place(number: int) -> Name:
    """The neighbourhood that a transformer area is named after."""
    (chinese, english), turn = _numbered(_PLACES, number)
    return f"{chinese}{turn}", f"{english} {turn}"


def feeder(number: int, voltage_kv: float) -> Name:
    """A medium-voltage feeder."""
    (chinese, english), turn = _numbered(_FEEDERS, number)
    tail = "" if turn == 1 else str(turn)
    return f"{voltage_kv:g}kV{chinese}{tail}线", f"{voltage_kv:g} kV {english}{tail} feeder"


def cell(number: int) -> Name:
    """A service grid cell (网格)."""
    (chinese, english), turn = _numbered(_CELLS, number)
    tail = "" if turn == 1 else str(turn)
    return f"{chinese}{tail}网格", f"{english}{tail} cell"


def person(number: int) -> Name:
    """A resident."""
    surname = _SURNAMES[int(chance("surname", number) * len(_SURNAMES))]
    given = _GIVEN[int(chance("given", number) * len(_GIVEN))]
    return surname[0] + given[0], f"{given[1]} {surname[1]}"


def shop(number: int) -> Name:
    """A small business."""
    where = _PLACES[int(chance("street", number) * len(_PLACES))]
    what = _SHOPS[int(chance("trade", number) * len(_SHOPS))]
    return where[0] + what[0], f"{where[1]} {what[1]}"


def works(number: int) -> Name:
    """A customer with a transformer of their own."""
    where, what = _PLACES[number % len(_PLACES)], _WORKS[number % len(_WORKS)]
    return where[0] + what[0], f"{where[1]} {what[1]}"


def phone(number: int) -> str:
    """A mobile number that nobody has."""
    return f"199{number:08d}"


def address(area_number: int, door: int) -> str:
    """House, entrance and flat of the ``door``-th customer of an area (4 flats a floor, 6 floors)."""
    (chinese, _), turn = _numbered(_PLACES, area_number)
    entrance, flat = divmod(door, 24)
    house, entrance = divmod(entrance, 3)
    room = f"{flat // 4 + 1}{flat % 4 + 1:02d}"
    return f"{chinese}路{turn}号小区{house + 1}号楼{entrance + 1}单元{room}室"
