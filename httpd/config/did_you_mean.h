// A guess at what a misspelt word was meant to be.
#ifndef POLLUX_HTTPD_CONFIG_DID_YOU_MEAN_H_
#define POLLUX_HTTPD_CONFIG_DID_YOU_MEAN_H_

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace pollux::httpd {

// The one of `candidates` that `word` is most likely a misspelling of: the one
// with the fewest typing slips (a letter missing, added, replaced or swapped
// with its neighbour; case does not count) between them, the first of several.
// Empty if even that is too far to be a slip: more than one in three letters.
absl::string_view DidYouMean(absl::string_view word,
                             absl::Span<const absl::string_view> candidates);

}  // namespace pollux::httpd

#endif  // POLLUX_HTTPD_CONFIG_DID_YOU_MEAN_H_
