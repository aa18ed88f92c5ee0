"""scripts/demo behind its shell: run, failover, status, stop. Standard library only."""
import argparse
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests" / "cluster"))
import control  # noqa: E402  pylint: disable=wrong-import-position
import passfile  # noqa: E402  pylint: disable=wrong-import-position
from harness.processes import CommandFailed  # noqa: E402  pylint: disable=wrong-import-position
from running import CannotStart, Demo, say  # noqa: E402  pylint: disable=wrong-import-position


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/demo")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run")
    run.add_argument("--binary", type=Path, required=True)
    run.add_argument("--rw-port", type=int, default=0)
    run.add_argument("--ro-port", type=int, default=0)
    run.add_argument("--check", action="store_true")
    for name in ("failover", "status", "stop"):
        commands.add_parser(name)
    return parser.parse_args()


def run_demo(options: argparse.Namespace) -> int:
    if control.read_state():
        say("A demo is running already. End it with: scripts/demo stop")
        return 1
    passfile.remove()  # What a killed demo may have left.
    with Demo(options.binary, options.rw_port, options.ro_port) as demo:
        if options.check:
            is_good = demo.check()
            say("check: as promised" if is_good else "check: FAILED")
            return 0 if is_good else 1
        demo.serve()
    return 0


def main() -> int:
    options = parse()
    if options.command != "run":
        return control.ask(options.command)

    def interrupted(*unused) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    try:
        return run_demo(options)
    except KeyboardInterrupt:
        return 130
    except CannotStart as error:
        say(f"The demo stopped: {error}")
    except (CommandFailed, TimeoutError, OSError) as error:
        say(f"The demo stopped: {error}\nTry again; PGSTEER_KEEP=1 scripts/demo leaves the cluster's logs behind.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
