"""``gridcrew sim run``"""

import json
import signal
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Final

import click

from gateway.adapters.mqtt.door import ConnectionLost
from geo.network import Network
from gridcrew.broker import public_address, terminal_address
from gridcrew.logging_setup import set_up_logging
from gridcrew.sealed_networks import open_networks
from gridcrew.settings import Settings, SimSettings
from gridcrew.sim_papers import SimulatedPapers
from simulators.adapters.control import Control, ControlServer
from simulators.adapters.control_client import port_file
from simulators.adapters.crew_threads import CrewRoom
from simulators.adapters.mqtt_fleet import Broker, MqttFleet
from simulators.adapters.profiles import profile_source
from simulators.adapters.truth_file import TruthFile
from simulators.examples import examples
from simulators.practice import Chances, PracticeGrid
from simulators.profiles import Profiles
from simulators.speech import OwnSpeech, Speech
from simulators.state_grid import EnvelopeSpeech
from simulators.terminals import Habits

STOP_S: Final = 2.0
SHARE: Final = click.FloatRange(0, 1)
SPEECHES: Final[Mapping[str, Callable[[], Speech]]] = {"own": OwnSpeech, "state-grid": EnvelopeSpeech}
POSITIVE: Final = click.FloatRange(min=0, min_open=True)


@click.command(name="run")
@click.option("--for", "seconds", type=POSITIVE, help="End by itself after this many seconds.")
@click.option("--speed", type=POSITIVE, help="How much faster than life crews wait and travel.")
@click.option("--no-crews", is_flag=True, help="Only terminals and meters; nobody repairs.")
@click.option("--control-port", type=click.IntRange(0, 65535), help="Loopback control port; 0 picks one.")
@click.option("--lost-last-gasps", type=SHARE, help="Share of last gasps that never arrive.")
@click.option("--blocked-terminals", type=SHARE, help="Share of terminals that cannot speak.")
@click.option("--wrong-meters", type=SHARE, help="Share of meters that hang elsewhere than recorded.")
@click.option("--speak", type=click.Choice(list(SPEECHES)), help="What terminals speak.")
@click.option("--sensors/--no-sensors", default=None, help="Switch terminals and fault indicators speak.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of all its randomness.")
def command(seconds: float | None, no_crews: bool, **chosen: float | str | None) -> None:
    """Play terminals, meters and crews until stopped; the rest of the defaults is [sim] of the settings."""
    settings = Settings()
    changed = {name: value for name, value in chosen.items() if value is not None}
    sim = SimSettings.model_validate(settings.sim.model_dump() | changed)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    set_up_logging(settings.log)
    network, papers = _stored_network(settings), SimulatedPapers(settings)
    Stage(settings, sim, network, crews=not no_crews, papers=papers).play(stop, seconds)


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that one run plays."""

    settings: Settings
    sim: SimSettings
    network: Network
    crews: bool
    papers: SimulatedPapers

    def play(self, stop: threading.Event, seconds: float | None) -> None:
        """Until ``stop``, or so many seconds after the start."""
        grid = PracticeGrid(self.network, self._profiles(), self._chances(), time.time_ns() // 1_000_000)
        truth = TruthFile(self.settings.data_dir / "sim" / "truth.jsonl")
        truth.begin(self._facts(grid))
        fleet = MqttFleet(grid, self._locate, truth)
        workers = [threading.Thread(target=fleet.run, args=(stop,), name="fleet", daemon=True)]
        if self.crews and self.sim.crews:
            room = CrewRoom(self._product, grid, self.sim.crews, self.sim.speed, self.sim.seed)
            workers.append(threading.Thread(target=room.run, args=(stop,), name="crews", daemon=True))
        worth = [asdict(one) for one in examples(self.network, grid.places.node, self.sim.seed)]
        facts = {"speed": self.sim.speed, "seed": self.sim.seed, "examples": worth}
        control = Control(grid, lambda: {**facts, "connected": fleet.connected})
        with ControlServer(control, self.sim.control_port) as server:
            self._note_port(server.port)
            for worker in workers:
                worker.start()
            self._wait(stop, fleet, seconds)
            stop.set()
            for worker in workers:
                worker.join(STOP_S)
            port_file(self.settings.data_dir).unlink(missing_ok=True)

    def _wait(self, stop: threading.Event, fleet: MqttFleet, seconds: float | None) -> None:
        end_s = None if seconds is None else time.monotonic() + seconds
        told = False
        while not stop.wait(0.1) and (end_s is None or time.monotonic() < end_s):
            if not told and fleet.ready.is_set():
                told = True
                click.echo(f"{fleet.connected} terminals connected")
                click.echo("sim ready")

    def _profiles(self) -> Profiles:
        names = sorted(set(self.network.meters.extra.get("profile", ())))
        return profile_source(names).load(names)

    def _chances(self) -> Chances:
        sim = self.sim
        habits = Habits(
            reading_interval_ms=round(sim.reading_interval_s * 1000),
            heartbeat_ms=round(sim.heartbeat_s * 1000),
            lost_last_gasps=sim.lost_last_gasps,
            blocked_terminals=sim.blocked_terminals,
        )
        speech = SPEECHES[sim.speak]()
        return Chances(
            seed=sim.seed, wrong_meters=sim.wrong_meters, habits=habits, speech=speech, sensors=sim.sensors
        )

    def _facts(self, grid: PracticeGrid) -> dict[str, object]:
        network, places = self.network, grid.places
        wrong = {network.meters.ids[row]: network.nodes.ids[places.node[row]] for row in places.wrong}
        return {
            "at_ms": time.time_ns() // 1_000_000,
            "network": network.content_hash,
            "seed": self.sim.seed,
            "blocked": list(grid.state().blocked),
            "wrong_meters": wrong,
        }

    def _locate(self) -> Broker:
        mqtt = self.settings.mqtt
        try:
            if self.settings.demo and mqtt.tls != "off" and not mqtt.url:
                return Broker(*public_address(self.settings), tls=self.papers.context)
            found = terminal_address(self.settings)
        except ConnectionLost as problem:
            raise OSError(str(problem)) from problem
        tls = (lambda _: ssl.create_default_context(cafile=mqtt.ca_file or None)) if found.tls else None
        return Broker(found.host, found.port, found.username, found.password, tls)

    def _product(self) -> str:
        """Address of the API: what the web process wrote down, else what the settings say."""
        try:
            noted = json.loads((self.settings.data_dir / "web.json").read_text(encoding="utf-8"))
            return str(noted["url"])
        except (OSError, ValueError, KeyError):
            return f"http://{self.settings.web.host}:{self.settings.web.port}"

    def _note_port(self, port: int) -> None:
        file = port_file(self.settings.data_dir)
        draft = file.with_suffix(".new")
        draft.write_text(json.dumps({"port": port}), encoding="utf-8")
        draft.replace(file)


def _stored_network(settings: Settings) -> Network:
    store = open_networks(settings)
    version = store.effective(time.time_ns() // 1_000_000)
    if version is None:
        raise click.ClickException("no network is stored: run 'gridcrew network import' first")
    return store.get(version.content_hash)
