// GoogleTest's main, for tests that have flags of their own: a seed, a plan.
#include <gflags/gflags.h>
#include <gtest/gtest.h>

int main(int argc, char* argv[]) {
  testing::InitGoogleTest(&argc, argv);
  // Those of testing/run_request.h, in tests that have no flags of these names.
  gflags::SetCommandLineOption("undefok", "seed,plan");
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  return RUN_ALL_TESTS();
}
