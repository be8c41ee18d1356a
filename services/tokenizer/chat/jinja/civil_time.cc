#include "services/tokenizer/chat/jinja/civil_time.h"

#include <array>
#include <ctime>

namespace sluice::tokenizer {
namespace {

std::tm ToTm(const CivilTime& time) {
  std::tm fields = {};
  fields.tm_year = time.year - 1900;
  fields.tm_mon = time.month - 1;
  fields.tm_mday = time.day;
  fields.tm_hour = time.hour;
  fields.tm_min = time.minute;
  fields.tm_sec = time.second;
  timegm(&fields);  // fills in the day of the week and of the year
  return fields;
}

// What libc would fill from a zone, and what only Python has.
std::string Prepare(const std::string& format) {
  std::string out;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      out += format[i];
      continue;
    }
    const char directive = format[++i];
    if (directive == 'f') {
      out += "000000";
    } else if (directive != 'Z' && directive != 'z') {
      out += '%';
      out += directive;
    }
  }
  return out;
}

}  // namespace

CivilTime LocalCivilTime() {
  const std::time_t now = std::time(nullptr);
  std::tm fields = {};
  localtime_r(&now, &fields);
  return {fields.tm_year + 1900, fields.tm_mon + 1, fields.tm_mday,
          fields.tm_hour,        fields.tm_min,     fields.tm_sec};
}

std::string FormatCivilTime(const CivilTime& time, const std::string& format) {
  const std::string prepared = Prepare(format);
  if (prepared.empty()) return "";
  const std::tm fields = ToTm(time);
  std::array<char, 4096> buffer;
  const size_t size =
      std::strftime(buffer.data(), buffer.size(), prepared.c_str(), &fields);
  return std::string(buffer.data(), size);
}

}  // namespace sluice::tokenizer
