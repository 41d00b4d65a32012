import pytest

from gateway import Gateway, Simulator


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    """A simulator whose clock runs 20,000 times as fast: an invoice is paid within seconds."""
    simulator = Simulator(tmp_path_factory.mktemp("simulator"), "speed = 20000.0\n")
    yield simulator
    simulator.stop()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, simulator):
    gateway = Gateway(tmp_path_factory.mktemp("gateway"), simulator)
    yield gateway
    gateway.stop()
    # Whatever a module did to it: the journal holds.
    gateway.verify()
