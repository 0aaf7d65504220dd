#pragma once
// Traces read back, in the order in which things happened.
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "abi/trace_format.h"

namespace hak::cli {

class Trace {
 public:
  /// Maps the file. Throws Failure if it is no trace.
  explicit Trace(const std::string& path);
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  const TraceHeader& header() const { return *header_; }
  /// Of the header's text: "build", "command", and every option by its name.
  const std::map<std::string, std::string>& settings() const { return settings_; }
  u64 records() const { return records_; }
  unsigned threads() const { return threads_; }

  /// Calls visit(record, thread) for every record, over all threads in order. Threads count from 1.
  void each(const std::function<void(const TraceRecord&, u32)>& visit) const;

 private:
  struct Run {
    const TraceRecord* records;
    u64 count, first_order;
  };
  void find_chunks(const std::string& path);
  void parse_text(const std::string& path);
  const char* data_ = nullptr;
  std::size_t size_ = 0;
  const TraceHeader* header_ = nullptr;
  std::map<std::string, std::string> settings_;
  std::map<u32, std::vector<Run>> runs_;  ///< by thread
  u64 records_ = 0;
  unsigned threads_ = 0;
};

bool is_trace(const std::string& path);
int trace_stats(const std::string& path, bool as_json);

}  // namespace hak::cli
