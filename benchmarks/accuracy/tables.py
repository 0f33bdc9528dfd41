"""From outcomes to tables and plots."""

from collections.abc import Iterable, Sequence

import numpy as np

from benchmarks.accuracy.calibration import Band, bands, calibration_error
from benchmarks.accuracy.charts import Axis, Chart
from benchmarks.accuracy.conditions import Condition
from benchmarks.accuracy.exact import ExactTree
from benchmarks.accuracy.rules import NearestCommonAncestor
from benchmarks.accuracy.scoring import SIZE_NAMES, Tally
from benchmarks.accuracy.trial import BY_RECORD, PHYSICAL, Outcome
from benchmarks.record import Cell

Row = dict[str, Cell]

OURS, NAIVE = ExactTree.name, NearestCommonAncestor.name


class Report:
    """Tables of one outcome over the conditions that were run."""

    def __init__(self, outcome: Outcome, conditions: Sequence[Condition]) -> None:
        self._outcome, self._conditions = outcome, conditions
        pooled: dict[tuple[str, float, str, str], Tally] = {}
        for (_, condition, at_s, name, truth), tally in outcome.scores.items():
            pooled.setdefault((condition, at_s, name, truth), Tally()).merge(tally)
        self._pooled = pooled
        known = {OURS, NAIVE}
        names = {key[2] for key in pooled}
        self._rules = sorted(name for name in names if name.startswith("≥"))
        self._others = sorted(names - known - set(self._rules))
        self.grids = sorted({key[0] for key in outcome.scores})

    def tally(self, condition: str, at_s: float, name: str = OURS, truth: str = BY_RECORD) -> Tally:
        return self._pooled[condition, at_s, name, truth]

    def best_rule(self, condition: str, at_s: float) -> str:
        """The rule of the greatest F1 by record, picked afterwards."""
        return max(self._rules, key=lambda name: self.tally(condition, at_s, name).f1)

    def main_rows(self) -> list[Row]:
        """One row per condition, at its main instant."""
        return [self._main_row(condition) for condition in self._conditions]

    def _bound(self, condition: str) -> Row:
        """What nobody can exceed but by luck; nothing where it isn't computed."""
        tally = {truth: self._outcome.bound.get((condition, truth)) for truth in (BY_RECORD, PHYSICAL)}
        names = {BY_RECORD: "bound F1", PHYSICAL: "bound F1 physical"}
        row: Row = {names[truth]: found.f1 if found else "–" for truth, found in tally.items()}
        by_record = tally[BY_RECORD]
        return row | {"± bound": round(by_record.f1_error(), 4) if by_record else "–"}

    def _main_row(self, condition: Condition) -> Row:
        name, at_s = condition.name, condition.judged_s
        mine, physical = self.tally(name, at_s), self.tally(name, at_s, truth=PHYSICAL)
        rule = self.best_rule(name, at_s)
        row: Row = {
            "condition": name,
            "at s": at_s,
            "F1 by record": mine.f1,
            "±": round(mine.f1_error(), 4),
            "precision": mine.precision,
            "recall": mine.recall,
            "F1 physical": physical.f1,
            "± physical": round(physical.f1_error(), 4),
            "element hit": mine.hit_share,
            "best rule": rule,
            "rule F1": self.tally(name, at_s, rule).f1,
            "rule F1 physical": self.tally(name, at_s, rule, PHYSICAL).f1,
            "rule element hit": self.tally(name, at_s, rule).hit_share,
            "naive F1": self.tally(name, at_s, NAIVE).f1,
            "reachable F1": self._outcome.reach[name, BY_RECORD].f1,
            "reachable F1 physical": self._outcome.reach[name, PHYSICAL].f1,
            **self._bound(name),
        }
        for other in self._others:
            row[f"{other} F1"] = self.tally(name, at_s, other).f1
            row[f"{other} F1 physical"] = self.tally(name, at_s, other, PHYSICAL).f1
        return row

    def instant_rows(self) -> list[Row]:
        """F1 by record over time, the exact tree against the best rule of each cell."""
        rows: list[Row] = []
        for condition in self._conditions:
            for at_s in condition.instants_s:
                rule = self.best_rule(condition.name, at_s)
                mine = self.tally(condition.name, at_s)
                rows.append(
                    {
                        "condition": condition.name,
                        "at s": at_s,
                        "F1 by record": mine.f1,
                        "±": round(mine.f1_error(), 4),
                        "F1 physical": self.tally(condition.name, at_s, truth=PHYSICAL).f1,
                        "precision": mine.precision,
                        "recall": mine.recall,
                        "element hit": mine.hit_share,
                        "best rule": rule,
                        "rule F1": self.tally(condition.name, at_s, rule).f1,
                        "naive F1": self.tally(condition.name, at_s, NAIVE).f1,
                    }
                )
        return rows

    def grid_rows(self) -> list[Row]:
        """By grid, at each condition's main instant: F1 by record / physical."""
        rows: list[Row] = []
        for grid in self.grids:
            row: Row = {"grid": grid}
            for condition in self._conditions:
                cells = [
                    self._outcome.scores[grid, condition.name, condition.judged_s, OURS, truth].f1
                    for truth in (BY_RECORD, PHYSICAL)
                ]
                row[condition.name] = " / ".join(f"{cell:.4f}" for cell in cells)
            rows.append(row)
        return rows

    def size_rows(self) -> list[Row]:
        rows: list[Row] = []
        for condition in self._conditions:
            for size in SIZE_NAMES:
                tally = self._outcome.sizes.get((condition.name, size, BY_RECORD))
                if tally is None or not tally.nights:
                    continue
                rows.append(
                    {
                        "condition": condition.name,
                        "customers": size,
                        "F1 by record": tally.f1,
                        "F1 physical": self._outcome.sizes[condition.name, size, PHYSICAL].f1,
                        "nights": len(tally.nights),
                        "element hit": tally.hit_share,
                        "faults": tally.faults,
                    }
                )
        return rows

    def detection_rows(self) -> list[Row]:
        """When half of a fault's customers were first said to be out."""
        rows: list[Row] = []
        for condition in self._conditions:
            for name in (OURS, self.best_rule(condition.name, condition.judged_s), NAIVE):
                found = np.array(self._outcome.detected[condition.name, name])
                several = found[found[:, 0] > 1]
                if not len(several):
                    continue
                weight = several[:, 0] / several[:, 0].sum()
                row: Row = {"condition": condition.name, "method": name, "faults": len(several)}
                for at_s in condition.instants_s:
                    row[f"by {at_s:g} s"] = round(float(np.mean(several[:, 1] <= at_s)), 3)
                row["of customers, by the main instant"] = round(
                    float(weight[several[:, 1] <= condition.judged_s].sum()), 4
                )
                rows.append(row)
        return rows

    def customer_bands(self) -> list[Band]:
        return _bands(self._outcome.customers[c.name] for c in self._conditions if c.calibrated)

    def element_bands(self) -> list[Band]:
        return _bands(self._outcome.elements[c.name] for c in self._conditions if c.calibrated)

    def calibration_rows(self) -> list[Row]:
        """Expected calibration error of customers, by condition."""
        rows: list[Row] = []
        for condition in self._conditions:
            found = _bands([self._outcome.customers.get(condition.name, [])])
            rows.append(
                {
                    "condition": condition.name,
                    "predictions": sum(band.cases for band in found),
                    "expected calibration error": calibration_error(found),
                    "bands inside their interval": f"{sum(band.inside for band in found)} of {len(found)}",
                }
            )
        return rows

    def time_chart(self) -> Chart:
        lines = {}
        for condition in self._conditions[:7]:
            lines[condition.name] = [(at, self.tally(condition.name, at).f1) for at in condition.instants_s]
        if self._conditions:
            first = next((c for c in self._conditions if c.name == "plain"), self._conditions[0])
            lines[f"best rule, {first.name}"] = [
                (at, self.tally(first.name, at, self.best_rule(first.name, at)).f1) for at in first.instants_s
            ]
        ticks = (1.0, 2.0, 5.0, 15.0, 60.0)
        return Chart(
            "Micro-F1 by record over time",
            Axis("seconds after the faults", 1.0, 60.0, ticks, logarithmic=True),
            Axis("F1", 0.7, 1.0, (0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)),
            lines,
        )

    def calibration_chart(self) -> Chart:
        tenths = tuple(n / 10 for n in range(11))
        found = self.customer_bands()
        return Chart(
            "Calibration: P(customer out)",
            Axis("said", 0.0, 1.0, tenths),
            Axis("came true", 0.0, 1.0, tenths),
            {
                "customers": [(band.said, band.came_true) for band in found],
                "elements": [(band.said, band.came_true) for band in self.element_bands()],
            },
            ranges=[(band.said, *band.wilson) for band in found],
            diagonal=True,
        )


def band_rows(found: Sequence[Band]) -> list[Row]:
    return [
        {
            "band": f"{band.low:.1f}–{band.high:.1f}",
            "cases": band.cases,
            "mean said": round(band.said, 4),
            "came true": round(band.came_true, 4),
            "95 % Wilson interval": f"{band.wilson[0]:.4f}–{band.wilson[1]:.4f}",
            "inside": "yes" if band.inside else "no",
        }
        for band in found
    ]


def _bands(samples: Iterable[Sequence[tuple[float, bool]]]) -> list[Band]:
    pairs = np.array([pair for sample in samples for pair in sample], dtype=np.float64).reshape(-1, 2)
    return bands(pairs[:, 0], pairs[:, 1] > 0.5)
