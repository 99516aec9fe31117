"""What else runs on the cores of a service, as a workload that the answer leaves out.

A service's `interruptions` are played as an open workload on a service of its own with the same cores. So both engines
know them without knowing of them, and they take their turns by the rules of the discipline. Both stand last in their
tables, so that nothing else is numbered, or drawn, differently; an answer holds neither.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from models.scenario import CpuStage, Operation, Scenario, Service, Workload
from simulator.output import EngineOutput

if TYPE_CHECKING:
    from simulator.compile import Compiled


def with_interruptions(scenario: Scenario) -> Scenario:
    """Return a scenario with the workloads and services that its services' interruptions stand for."""
    workloads, services, operations = [], {}, []
    for host, service in scenario.services.items():
        found = service.interruptions
        if found is None:
            continue
        name = f"{host}, interrupted"  # no name of a scenario has a comma
        services[name] = Service(instances=service.instances, cores_of=host)
        stage = CpuStage.model_construct(kind="cpu", demand=found.duration, service=name)
        operations.append(Operation.model_construct(name=name, stages=[stage]))
        rate = found.rate * service.cores * service.instances
        bursts = Workload(name="bursts", kind="open", arrival_rate="1/s")
        workloads.append(bursts.model_copy(update={"name": name, "arrival_rate": rate, "operations": {name: 1.0}}))
    if not workloads:
        return scenario
    return scenario.model_copy(
        update={
            "workloads": [*scenario.workloads, *workloads],
            "services": {**scenario.services, **services},
            "operations": [*scenario.operations, *operations],
        }
    )


def answered(whole: Compiled, scenario: Scenario) -> Compiled:
    """Return a compiled scenario by the names that an answer holds; `whole` in it is what engines play."""
    if len(whole.workload_names) == len(scenario.workloads):
        return whole
    return replace(
        whole,
        scenario=scenario,
        workload_names=whole.workload_names[: len(scenario.workloads)],
        operation_names=whole.operation_names[: len(scenario.operations)],
        stations=tuple(one for one in whole.stations if one.service in scenario.services),
        instance_names=tuple(one for one in whole.instance_names if one.service in scenario.services),
        whole=whole,
    )


def answer_of(output: EngineOutput, compiled: Compiled) -> EngineOutput:
    """Return what an engine gave, without the workloads and services that stand for interruptions.

    Cores keep all that ran on them. Of the causes, which are summed by bin, each bin keeps its operations' share.
    """
    workloads, stations = len(compiled.workload_names), len(compiled.stations)
    instances = len(compiled.instance_names)
    if len(output.counts) == workloads:
        return output
    causes_ns = output.causes_ns
    if causes_ns is not None:
        bursts = output.histogram[workloads:].sum(axis=0)
        shared = np.flatnonzero(bursts)
        own = output.histogram[:workloads, shared].sum(axis=0)
        causes_ns = causes_ns.copy()
        causes_ns[shared] = np.rint(causes_ns[shared] * (own / (own + bursts[shared]))[:, None]).astype(np.int64)
    records = output.records
    if records is not None:
        records = records[records["workload"] < workloads]
    return replace(
        output,
        counts=output.counts[:workloads],
        window_counts=output.window_counts[:workloads],
        histogram=output.histogram[:workloads],
        response_sum_ns=output.response_sum_ns[:workloads],
        response_max_ns=output.response_max_ns[:workloads],
        in_flight_ns=output.in_flight_ns[:workloads],
        causes_ns=causes_ns,
        stations=output.stations[:stations],
        stations_whole=output.stations_whole[:stations],
        stations_present_ns=output.stations_present_ns[:stations],
        memory_mean_bytes=output.memory_mean_bytes[:instances],
        memory_peak_bytes=output.memory_peak_bytes[:instances],
        records=records,
    )
