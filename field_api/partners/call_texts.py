"""What whoever takes a call may tell the caller, by verdict and language."""

from collections.abc import Mapping
from typing import Final

from field_api.partners.tickets import Verdict

CALLER_TEXTS: Final[Mapping[Verdict, dict[str, str]]] = {
    Verdict.COVERED: {
        "zh": "您所在区域的停电我们已经掌握，抢修工单已经生成，您的来电已并入该停电。",
        "en": "We know of the outage at your place and work on it; your call goes with it.",
    },
    Verdict.DUPLICATE: {
        "zh": "您的报修已有工单在处理，来电已记入该工单。",
        "en": "An order about your report is open already; your call is noted in it.",
    },
    Verdict.ADVICE: {
        "zh": "供电到产权分界点正常，故障在用户自有设备上，请联系有资质的电工检查。",
        "en": "Supply reaches the ownership boundary; the fault is on your own side: ask an electrician.",
    },
    Verdict.STALE: {
        "zh": "您反映的情况已超过一天，我们将先回电核实。",
        "en": "This happened more than a day ago; we call back first.",
    },
    Verdict.VERIFY: {
        "zh": "您的来电已登记；目前没有其他停电信息，我们正在核实。",
        "en": "Your call is noted; nothing else tells of an outage yet, and we are looking into it.",
    },
    Verdict.OPENED: {
        "zh": "您的来电已登记，并已派人核实。",
        "en": "Your call is noted, and somebody is sent to look.",
    },
    Verdict.UNKNOWN: {"zh": "您的来电已登记。", "en": "Your call is noted."},
}
