// Walks through a query, parameter by parameter.
#ifndef POLLUX_HTTPD_HTTP_QUERY_PARAMETERS_H_
#define POLLUX_HTTPD_HTTP_QUERY_PARAMETERS_H_

#include "absl/strings/string_view.h"

namespace pollux::http {

// One of "a=b&c": as it stands in the query, still encoded. PercentDecode()
// with PlusSign::kSpace makes a form's name and value of them.
struct QueryParameter {
  absl::string_view name;
  // What follows the first "="; empty if there is none.
  absl::string_view value;
};

// The parameters of a query, in order, repeats included and empty ones ("a&&b")
// left out (URL Standard §5.1). A view of the query, which must outlive it;
// never allocates; one thread at a time.
class QueryParameters {
 public:
  // As RequestHead::query, without "?".
  explicit QueryParameters(absl::string_view query) : rest_(query) {}

  // Whether there is another; it is in `parameter` then.
  bool Next(QueryParameter& parameter);

 private:
  absl::string_view rest_;
};

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_QUERY_PARAMETERS_H_
