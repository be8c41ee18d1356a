#include "services/gateway/pipeline/answer_form.h"

namespace sluice::gateway {

AnswerForm MakeAnswerForm(std::string_view format, bool takes_tools,
                          const Vocabulary& vocabulary) {
  AnswerForm form;
  form.format = AnswerFormatByName(format).value_or(AnswerFormat::kPlain);
  if (form.format == AnswerFormat::kPlain) return form;
  form.takes_tools = takes_tools;
  const std::vector<std::string_view> markers = MarkersOf(form.format);
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    if (!vocabulary.special(id)) continue;
    for (const std::string_view marker : markers) {
      if (vocabulary.bytes(id) == marker) {
        form.special_markers.push_back({id, marker});
      }
    }
  }
  return form;
}

}  // namespace sluice::gateway
