import pytest

from gateway import Gateway, Simulator


@pytest.fixture(scope="module")
def simulator(request, tmp_path_factory):
    """A simulator whose clock runs 20,000 times as fast: an invoice is paid within seconds. A module's SCENARIO adds to it."""
    scenario = "speed = 20000.0\n" + getattr(request.module, "SCENARIO", "")
    simulator = Simulator(tmp_path_factory.mktemp("simulator"), scenario)
    yield simulator
    simulator.stop()


@pytest.fixture(scope="module")
def gateway(request, tmp_path_factory, simulator):
    """A gateway connected to it, with a module's GATEWAY settings."""
    gateway = Gateway(tmp_path_factory.mktemp("gateway"), simulator, **getattr(request.module, "GATEWAY", {}))
    yield gateway
    gateway.stop()
    # Whatever a module did to it: the journal holds.
    gateway.verify()
