#include "httpd/http/field_table.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>

#include "httpd/http/field.h"

namespace pollux::http {

void FieldTable::GrowRoom() {
  const size_t full = capacity_;
  auto fields = std::make_unique<Field[]>(2 * full);
  std::copy_n(fields_, full, fields.get());
  more_fields_ = std::move(fields);
  fields_ = more_fields_.get();
  capacity_ = 2 * full;
}

}  // namespace pollux::http
