// Conversations with the daemon in a fake world, to be run with faults.
#ifndef POLLUX_TESTING_INTEGRATION_DAEMON_SCENARIOS_H_
#define POLLUX_TESTING_INTEGRATION_DAEMON_SCENARIOS_H_

#include <vector>

#include "testing/integration/conversation.h"
#include "testing/simulation.h"

namespace pollux {

std::vector<NamedScenario> DaemonScenarios();

// Those that are too long for every fault at every call.
std::vector<NamedScenario> LargeDaemonScenarios();

// A conversation that the simulation's seed makes up: some clients, each with
// its own speed, pieces, requests and end.
void RunRandomConversation(Simulation& simulation);

}  // namespace pollux

#endif  // POLLUX_TESTING_INTEGRATION_DAEMON_SCENARIOS_H_
