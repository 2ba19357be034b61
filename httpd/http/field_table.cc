#include "httpd/http/field_table.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>

#include "httpd/http/field.h"
#include "httpd/http/field_name.h"

namespace pollux::http {

Field* FieldTable::Grow() {
  const size_t full = capacity_;
  auto fields = std::make_unique<Field[]>(2 * full);
  std::copy_n(fields_, full, fields.get());
  more_fields_ = std::move(fields);
  more_names_ = std::make_unique<FieldName[]>(2 * full);
  fields_ = more_fields_.get();
  names_ = more_names_.get();
  capacity_ = 2 * full;
  return fields_ + full;
}

void FieldTable::Index(size_t size) {
  uint64_t known = 0;
  uint64_t repeated = 0;
  FieldName* const names = names_;
  const Field* const fields = fields_;
  for (size_t i = 0; i < size; ++i) {
    const FieldName name = FieldNameOf(fields[i].name);
    names[i] = name;
    const uint64_t bit = BitOf(name);
    if ((known & bit) == 0) {
      first_[static_cast<size_t>(name)] = static_cast<uint32_t>(i);
    }
    repeated |= known & bit;
    known |= bit;
  }
  size_ = size;
  known_ = known;
  repeated_ = repeated;
}

}  // namespace pollux::http
