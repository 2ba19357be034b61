// What a class is called.
#ifndef POLLUX_REACTOR_TYPE_NAME_H_
#define POLLUX_REACTOR_TYPE_NAME_H_

#include <string>
#include <typeinfo>

namespace pollux {

// "pollux::Stream": as it stands in the source, or as the linker has it if that
// cannot be told. For messages. Allocates.
std::string TypeName(const std::type_info& type);

}  // namespace pollux

#endif  // POLLUX_REACTOR_TYPE_NAME_H_
