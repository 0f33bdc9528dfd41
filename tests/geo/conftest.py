"""The reference grids, loaded once, and a hand-made folder small enough to read."""

from pathlib import Path
from typing import Any

import pytest

from geo.adapters.pandapower import import_pandapower
from geo.adapters.simbench import load_grid
from geo.network import Network

FILES = {
    "nodes.csv": """id,kind,name,lon,lat,voltage_kv,owner_note
S1,substation,东站,116.0,39.0,10,x
J1,pole,一号杆,116.01,39.0,10,
J2,pole,二号杆,116.02,39.0,10,"a,b"
L1,transformer_lv,一台区,116.01,39.001,0.4,
L2,transformer_lv,二台区,116.02,39.001,0.4,
A1,access_point,,116.011,39.001,0.4,
""",
    "edges.csv": """id,kind,from_id,to_id,closed,phases,length_m,name,rated_kva,transformer_kind,owner
CB1,breaker,S1,J1,1,ABC,,出线开关,,,
LN2,line,J1,J2,1,ABC,850,二号线,,,公司
T1,transformer,J1,L1,1,ABC,,一号变,200,public,
T2,transformer,J2,L2,1,ABC,,二号变,315,public,
SV1,service,L1,A1,1,ABC,90,接户线,,,
""",
    "meters.csv": """id,node_id,customer_id,phases,terminal_id
M1,A1,C1,A,TT1
M2,L1,C2,B,TT1
M3,L2,C3,ABC,TT2
""",
    "terminals.csv": "id,edge_id\nTT1,T1\nTT2,T2\n",
    "sensors.csv": "id,edge_id,kind\nF1,LN2,fault_indicator\n",
    "customers.csv": """id,name,class,priority,phone,address,grid_id,access_point_id
C1,张三,resident,normal,,一号院,G1,A1
C2,李四,resident,vulnerable,,二号院,G1,
C3,王五,small_micro,key,,三号院,G2,L2
""",
    "identifiers.csv": "system,foreign_id,own_id,from,to\nPMS,12345,T1,2025-01-01,\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of a sound network of two transformers; tests break it as they like."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="session")
def simbench_net() -> Any:
    return load_grid("simbench", "1-MVLV-urban-all-0-sw")


@pytest.fixture(scope="session")
def oberrhein_net() -> Any:
    return load_grid("pandapower", "mv_oberrhein")


@pytest.fixture(scope="session")
def simbench(simbench_net: Any) -> Network:
    return import_pandapower(simbench_net, 12).accepted()


@pytest.fixture(scope="session")
def oberrhein(oberrhein_net: Any) -> Network:
    return import_pandapower(oberrhein_net, 6).accepted()
