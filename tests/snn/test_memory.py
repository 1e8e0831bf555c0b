"""What does not fit into memory is refused before it is made."""

import pytest

import snn
from snn import memory


@pytest.fixture
def little(monkeypatch):
    """A machine with ten megabytes left."""
    monkeypatch.setattr(memory, "available", lambda: 10**7)


def test_synapses_that_do_not_fit_are_refused_with_the_figure(little):
    net = snn.Network()
    cells = net.population("cells", 100_000, snn.LIF())
    net.connect(cells, cells, snn.FixedInDegree(1_000))
    with pytest.raises(snn.ResourceError, match=r"100,000,000 synapses.* need 1\.0 GB of memory, and 0\.0 GB are free"):
        snn.Simulation(net)


@pytest.mark.parametrize("engine", ["grid", "exact", "auto"])
def test_neurons_that_do_not_fit_are_refused_before_there_is_an_array_of_them(engine):
    net = snn.Network()
    net.population("cells", 10**12, snn.LIF(tau_m=snn.Uniform(10.0, 20.0)))
    with pytest.raises(snn.ResourceError, match=r"1,000,000,000,000 neurons.* need 64,000\.0 GB of memory"):
        snn.Simulation(net, engine=engine)


def test_trains_count_as_neurons(little):
    net = snn.Network()
    net.population("cells", 1, snn.LIF())
    net.poisson("trains", 10.0, 10**6)
    with pytest.raises(snn.ResourceError, match=r"1,000,001 neurons, those of stimuli among them, need 0\.1 GB"):
        snn.Simulation(net)


def test_memory_that_ends_on_the_way_is_told(monkeypatch):
    net = snn.Network()
    net.population("cells", 3, snn.LIF())
    monkeypatch.setattr("snn.engine_choice.lower", lambda *a: (_ for _ in ()).throw(MemoryError("no room for it")))
    with pytest.raises(snn.ResourceError, match="no room for it"):
        snn.Simulation(net)


def test_a_batch_that_does_not_fit_is_refused_with_the_figure(little):
    net = snn.Network()
    net.population("cells", 10_000, snn.LIF())
    snn.Simulation(net, batch=10)
    with pytest.raises(snn.ResourceError, match=r"10,000 samples of 10,000 neurons need 2\.8 GB"):
        snn.Simulation(net, batch=10_000)


def test_the_system_says_how_much_there_is():
    there = memory.available()
    assert there is None or 10**6 < there < 10**15


def test_where_the_system_does_not_say_nothing_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "absent")
    assert memory.available() is None
    memory.require(1e30, "all the world's synapses")


def test_the_limit_of_a_container_counts(monkeypatch, tmp_path):
    (tmp_path / "limit").write_text("3000000\n")
    (tmp_path / "use").write_text("1000000\n")
    monkeypatch.setattr(memory, "_LIMITS", ((str(tmp_path / "limit"), str(tmp_path / "use")),))
    if memory.available() is not None:
        assert memory.available() == 2_000_000
