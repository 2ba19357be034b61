#include "httpd/http/field_table.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>

#include "httpd/http/field.h"
#include "httpd/http/field_name.h"

namespace pollux::http {

void FieldTable::GrowRoom() {
  const size_t full = capacity_;
  auto fields = std::make_unique<Field[]>(2 * full);
  std::copy_n(fields_, full, fields.get());
  more_fields_ = std::move(fields);
  fields_ = more_fields_.get();
  capacity_ = 2 * full;
}

const Field* FieldTable::FindBehind(FieldName name, const Field* field) const {
  const auto has_name = [name](const Field& other) {
    return FieldNameOf(other.name) == name;
  };
  const Field* const next = std::find_if(field + 1, end(), has_name);
  return next == end() ? nullptr : next;
}

}  // namespace pollux::http
