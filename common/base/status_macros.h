#pragma once

// Early return on error for functions that return absl::Status or
// absl::StatusOr<T>.
//
//   RETURN_IF_ERROR(Check(x));
//   ASSIGN_OR_RETURN(Model model, LoadModel(directory));

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define SLUICE_CONCAT_INNER(a, b) a##b
#define SLUICE_CONCAT(a, b) SLUICE_CONCAT_INNER(a, b)

#define RETURN_IF_ERROR(expression)                \
  do {                                             \
    absl::Status sluice_status = (expression);     \
    if (!sluice_status.ok()) return sluice_status; \
  } while (false)

#define ASSIGN_OR_RETURN(declaration, expression)                  \
  ASSIGN_OR_RETURN_IMPL(SLUICE_CONCAT(sluice_statusor_, __LINE__), \
                        declaration, expression)

#define ASSIGN_OR_RETURN_IMPL(statusor, declaration, expression) \
  auto statusor = (expression);                                  \
  if (!statusor.ok()) return std::move(statusor).status();       \
  declaration = *std::move(statusor)
