// Functions that every template can call.

#include <cstdlib>

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/builtins.h"
#include "services/tokenizer/chat/jinja/dict.h"
#include "services/tokenizer/chat/jinja/errors.h"
#include "services/tokenizer/chat/jinja/interpreter.h"
#include "services/tokenizer/chat/jinja/print.h"

namespace sluice::tokenizer::jinja {
namespace {

using Result = absl::StatusOr<Value>;

Result Range(Interpreter& i, const Value&, const Arguments& a) {
  // Far from where sums of bounds would overflow.
  constexpr int64_t kFar = int64_t{1} << 60;
  ASSIGN_OR_RETURN(
      const Parameters parameters,
      Parameters::Bind("range", {"start", "stop", "step"}, 1, a, true));
  ASSIGN_OR_RETURN(const int64_t first, parameters.Int(0, 0));
  ASSIGN_OR_RETURN(const int64_t second, parameters.Int(1, 0));
  ASSIGN_OR_RETURN(const int64_t step, parameters.Int(2, 1));
  const int64_t start = parameters.has(1) ? first : 0;
  const int64_t stop = parameters.has(1) ? second : first;
  if (step == 0) return Fail("range() arg 3 must not be zero");
  for (const int64_t bound : {start, stop, step}) {
    if (bound > kFar || bound < -kFar) return Fail("a range reaches too far");
  }
  auto range = std::make_unique<RangeObject>(start, stop, step);
  if (range->size() > i.budget().limits().range_items) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a range of ", range->size(), " items, limit ",
                     i.budget().limits().range_items));
  }
  return Value(Kind::kRange, range.release());
}

absl::Status AddPairs(Interpreter& i, const Value& source, DictBuilder& out) {
  if (source.is(Kind::kDict)) {
    for (const auto& [key, value] : source.dict().entries()) {
      RETURN_IF_ERROR(i.budget().Spend(1));
      RETURN_IF_ERROR(out.so_far().PayForKey(key, i.budget()));
      out.Set(key, value);
    }
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::vector<Value> pairs, Iterate(source, i.budget()));
  for (const Value& pair : pairs) {
    ASSIGN_OR_RETURN(const std::vector<Value> parts, Iterate(pair, i.budget()));
    if (parts.size() != 2) {
      return Fail("dictionary update sequence element has length ",
                  parts.size(), "; 2 is required");
    }
    RETURN_IF_ERROR(i.budget().Spend(1));
    RETURN_IF_ERROR(out.so_far().PayForKey(parts[0], i.budget()));
    if (!IsHashable(parts[0])) {
      return Fail("unhashable type: '", parts[0].TypeName(), "'");
    }
    out.Set(parts[0], parts[1]);
  }
  return absl::OkStatus();
}

// dict(pairs or dict, **named).
Result MakeDict(Interpreter& i, const Value&, const Arguments& a) {
  if (a.positional.size() > 1) return Fail("dict expected at most 1 argument");
  DictBuilder out;
  if (!a.positional.empty()) {
    RETURN_IF_ERROR(AddPairs(i, a.positional[0], out));
  }
  for (const auto& [name, value] : a.named) {
    RETURN_IF_ERROR(i.budget().Spend(1));
    Value key = Value::Literal(name);
    RETURN_IF_ERROR(out.so_far().PayForKey(key, i.budget()));
    out.Set(std::move(key), value);
  }
  return out.Build();
}

Result MakeNamespace(Interpreter& i, const Value& self, const Arguments& a) {
  ASSIGN_OR_RETURN(const Value dict, MakeDict(i, self, a));
  auto ns = std::make_unique<NamespaceObject>();
  for (const auto& [key, value] : dict.dict().entries()) {
    RETURN_IF_ERROR(i.budget().Spend(1));
    ns->Set(key, value);
  }
  return i.NewNamespace(std::move(ns));
}

Result RaiseException(Interpreter& i, const Value&, const Arguments& a) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("raise_exception", {"message"}, 1, a));
  ASSIGN_OR_RETURN(const Value message, ToText(parameters[0], i.budget()));
  i.MarkRaised();
  return Fail(message.bytes());
}

Result StrftimeNow(Interpreter& i, const Value&, const Arguments& a) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("strftime_now", {"format"}, 1, a));
  ASSIGN_OR_RETURN(const Value format, parameters.String(0, ""));
  // Two bytes may stand for the name of a month in ten.
  RETURN_IF_ERROR(i.budget().SpendScanClosely(2 * format.text().extent()));
  return Value::String(
      Text(FormatCivilTime(i.environment().local_time(), format.bytes()),
           format.text().any_foreign()));
}

// Hands its items out in turn.
class CyclerObject final : public HostObject {
 public:
  explicit CyclerObject(std::vector<Value> items) : items_(std::move(items)) {
    for (const Value& item : items_) Enclose(item, *this);
  }
  std::string_view type_name() const override { return "Cycler"; }
  bool callable() const override { return false; }
  absl::StatusOr<Value> Call(Interpreter&, const Arguments&) override {
    return Fail("'Cycler' object is not callable");
  }
  std::string Print() const override { return "<Cycler>"; }
  absl::StatusOr<Value> Attribute(Interpreter&, std::string_view name) override;
  Value Next() { return items_[at_++ % items_.size()]; }
  void Reset() { at_ = 0; }

 private:
  const std::vector<Value> items_;
  size_t at_ = 0;
};

Result CyclerNext(Interpreter&, const Value& self, const Arguments&) {
  return self.object_as<CyclerObject>().Next();
}
Result CyclerReset(Interpreter&, const Value& self, const Arguments&) {
  self.object_as<CyclerObject>().Reset();
  return Value::None();
}
constexpr BuiltinEntry kNext = {"next", CyclerNext};
constexpr BuiltinEntry kReset = {"reset", CyclerReset};

absl::StatusOr<Value> CyclerObject::Attribute(Interpreter&,
                                              std::string_view name) {
  if (name == "current") return items_[at_ % items_.size()];
  if (name != "next" && name != "reset") return Value();
  return Value(Kind::kHost, new BuiltinObject(name == "next" ? kNext : kReset,
                                              Value(Kind::kHost, this)));
}

Result MakeCycler(Interpreter& i, const Value&, const Arguments& a) {
  if (a.positional.empty()) return Fail("at least one item has to be provided");
  RETURN_IF_ERROR(
      i.budget().SpendItems(static_cast<int64_t>(a.positional.size())));
  auto cycler = std::make_unique<CyclerObject>(a.positional);
  RETURN_IF_ERROR(CheckExtent(*cycler));
  return Value(Kind::kHost, cycler.release());
}

// Empty at the first call, then the separator.
class JoinerObject final : public HostObject {
 public:
  explicit JoinerObject(Value separator) : separator_(std::move(separator)) {
    Enclose(separator_, *this);
  }
  std::string_view type_name() const override { return "Joiner"; }
  absl::StatusOr<Value> Call(Interpreter&, const Arguments&) override {
    return std::exchange(used_, true) ? separator_ : Value::Literal("");
  }
  std::string Print() const override { return "<Joiner>"; }

 private:
  const Value separator_;
  bool used_ = false;
};

Result MakeJoiner(Interpreter&, const Value&, const Arguments& a) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("joiner", {"sep"}, 0, a));
  auto joiner = std::make_unique<JoinerObject>(
      parameters.has(0) ? parameters[0] : Value::Literal(", "));
  RETURN_IF_ERROR(CheckExtent(*joiner));
  return Value(Kind::kHost, joiner.release());
}

constexpr BuiltinEntry kGlobals[] = {
    {"cycler", MakeCycler},
    {"dict", MakeDict},
    {"joiner", MakeJoiner},
    {"namespace", MakeNamespace},
    {"raise_exception", RaiseException},
    {"range", Range},
    {"strftime_now", StrftimeNow},
};

}  // namespace

const BuiltinEntry* FindGlobal(std::string_view name) {
  return FindBuiltin(kGlobals, name);
}

}  // namespace sluice::tokenizer::jinja
