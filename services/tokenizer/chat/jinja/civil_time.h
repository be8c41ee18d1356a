#pragma once

// The date and time that templates may print.

#include <string>

namespace sluice::tokenizer {

// A local date and time.
struct CivilTime {
  int year = 1970;
  int month = 1;  // 1 to 12
  int day = 1;    // 1 to 31
  int hour = 0;
  int minute = 0;
  int second = 0;
};

// Reads the local time of this machine.
CivilTime LocalCivilTime();

// Python's datetime.strftime of a time without a zone, in the C locale. Cut at
// 4 KiB. REQUIRES: year in [1, 9999].
std::string FormatCivilTime(const CivilTime& time, const std::string& format);

}  // namespace sluice::tokenizer
