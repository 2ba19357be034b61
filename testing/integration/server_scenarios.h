// Conversations with an embedded server in a fake world, to be run with faults.
#ifndef POLLUX_TESTING_INTEGRATION_SERVER_SCENARIOS_H_
#define POLLUX_TESTING_INTEGRATION_SERVER_SCENARIOS_H_

#include <vector>

#include "testing/integration/conversation.h"
#include "testing/simulation.h"

namespace pollux {

std::vector<NamedScenario> ServerScenarios();

// As RunRandomConversation(), with late answers, streams and bodies.
void RunRandomServerConversation(Simulation& simulation);

}  // namespace pollux

#endif  // POLLUX_TESTING_INTEGRATION_SERVER_SCENARIOS_H_
