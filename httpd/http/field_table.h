// The fields of a head, in order and by name.
#ifndef POLLUX_HTTPD_HTTP_FIELD_TABLE_H_
#define POLLUX_HTTPD_HTTP_FIELD_TABLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/base/attributes.h"
#include "absl/types/span.h"
#include "httpd/http/field.h"
#include "httpd/http/field_name.h"

namespace pollux::http {

// A list of fields that knows where each of the known names stands, so that
// nobody compares strings to find one. Its views are the caller's: they live as
// long as the bytes that they point into.
//
// About 1.2 KB, made once and used for one head after another; whoever parses
// owns it. Up to kInlineFields fields allocate nothing; a longer list doubles
// the memory, which is kept. Belongs to one thread at a time.
class FieldTable {
 public:
  static constexpr size_t kInlineFields = 32;

  FieldTable() = default;
  FieldTable(const FieldTable&) = delete;
  FieldTable& operator=(const FieldTable&) = delete;

  // To fill a table, put fields into room() and then Assign() them. Their names
  // are tokens (RFC 9110 §5.6.2).

  // Where fields can be put.
  absl::Span<Field> room() { return {fields_, capacity_}; }

  // Doubles room(), and keeps what is in it.
  void GrowRoom();

  // The first `size` fields of room() are the table's now, in place of those
  // that it held.
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Assign(size_t size);

  // In the order received, repeats included.
  absl::Span<const Field> all() const { return {fields_, size_}; }
  const Field* begin() const { return fields_; }
  const Field* end() const { return fields_ + size_; }
  const Field& operator[](size_t index) const { return fields_[index]; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // kOther is no name: what follows is not asked of it.
  bool Has(FieldName name) const { return (known_ & BitOf(name)) != 0; }
  bool HasSeveral(FieldName name) const {
    return (repeated_ & BitOf(name)) != 0;
  }
  template <FieldName... names>
  bool HasAny() const {
    return (known_ & (BitOf(names) | ...)) != 0;
  }

  // The first field of that name; nullptr if there is none. Points into the
  // table: until the next Assign() or
  // GrowRoom().
  ABSL_ATTRIBUTE_ALWAYS_INLINE const Field* Find(FieldName name) const {
    return Has(name) ? fields_ + first_[static_cast<size_t>(name)] : nullptr;
  }

  // The next of that name behind `field`, which is one of them; nullptr if it
  // was the last.
  const Field* FindNext(FieldName name, const Field* field) const {
    return HasSeveral(name) ? FindBehind(name, field) : nullptr;
  }

 private:
  static_assert(kFieldNames <= 64, "one bit for each");

  static constexpr uint64_t BitOf(FieldName name) {
    return uint64_t{1} << static_cast<unsigned>(name);
  }

  const Field* FindBehind(FieldName name, const Field* field) const;

  std::array<Field, kInlineFields> inline_fields_;
  size_t size_ = 0;
  size_t capacity_ = kInlineFields;
  // One bit for each name: that it is there, and that it is there again.
  uint64_t known_ = 0;
  uint64_t repeated_ = 0;
  Field* fields_ = inline_fields_.data();
  // By name, where it stands first. Of those that are not there, anything.
  std::array<uint32_t, kFieldNames> first_ = {};
  std::unique_ptr<Field[]> more_fields_;
};

inline void FieldTable::Assign(size_t size) {
  uint64_t known = 0;
  uint64_t repeated = 0;
  // From the last to the first, so that the first of several stays.
  for (size_t i = size; i-- > 0;) {
    const FieldName name = FieldNameOf(fields_[i].name);
    first_[static_cast<size_t>(name)] = static_cast<uint32_t>(i);
    repeated |= known & BitOf(name);
    known |= BitOf(name);
  }
  size_ = size;
  known_ = known;
  repeated_ = repeated;
}

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_FIELD_TABLE_H_
