#include "testing/fake/files_in_flight.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "testing/fake/open_file.h"
#include "testing/fake/socket_message.h"

namespace pollux {

void FilesInFlight::Add(SocketFile& receiver) {
  if (std::find(receivers_.begin(), receivers_.end(), &receiver) ==
      receivers_.end()) {
    receivers_.push_back(&receiver);
  }
}

void FilesInFlight::Remove(SocketFile& receiver) {
  std::erase(receivers_, &receiver);
}

void FilesInFlight::Collect() {
  std::map<const OpenFile*, long> references;
  for (const SocketFile* receiver : receivers_) {
    receiver->ForEachFileReceived(
        [&](const OpenFile& file) { ++references[&file]; });
  }
  // Who has other references than messages can still receive, and so can who is
  // in a message to one of those.
  std::vector<SocketFile*> lost = receivers_;
  std::vector<const SocketFile*> found;
  const auto find = [&](SocketFile* receiver) {
    if (std::erase(lost, receiver) > 0) found.push_back(receiver);
  };
  for (SocketFile* receiver : receivers_) {
    if (receiver->weak_from_this().use_count() > references[receiver]) {
      find(receiver);
    }
  }
  while (!found.empty()) {
    const SocketFile* receiver = found.back();
    found.pop_back();
    receiver->ForEachFileReceived([&](const OpenFile& file) {
      for (SocketFile* candidate : receivers_) {
        if (candidate == &file) find(candidate);
      }
    });
  }
  // Destroyed at the end, when none of the lost is looked at any more.
  FileList files;
  for (SocketFile* receiver : lost) {
    for (std::shared_ptr<OpenFile>& file : receiver->TakeFilesReceived()) {
      files.push_back(std::move(file));
    }
  }
}

}  // namespace pollux
