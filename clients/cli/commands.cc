#include "clients/cli/commands.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/base/error_info.h"

namespace sluice::cli {
namespace {

constexpr size_t kColumns = 80;

// Wraps `text` behind a margin; the first line stands behind `lead`.
std::string Wrapped(const std::string& lead, std::string_view text,
                    size_t margin) {
  std::string out = lead;
  size_t column = lead.size();
  bool first = true;
  for (const absl::string_view word :
       absl::StrSplit(absl::string_view(text.data(), text.size()), ' ',
                      absl::SkipEmpty())) {
    if (column < margin) {
      out.append(margin - column, ' ');
      column = margin;
      first = true;
    }
    if (!first && column + 1 + word.size() > kColumns) {
      out += "\n" + std::string(margin, ' ');
      column = margin;
      first = true;
    }
    if (!first) out += ' ';
    absl::StrAppend(&out, word);
    column += word.size() + (first ? 0 : 1);
    first = false;
  }
  return out + "\n";
}

std::string FlagLine(std::string_view name, const FlagInfo& info) {
  constexpr size_t kMargin = 26;
  std::string lead =
      absl::StrCat("  --", absl::string_view(name.data(), name.size()));
  if (lead.size() + 2 > kMargin) lead += "\n" + std::string(kMargin, ' ');
  std::string help = info.help;
  if (!info.default_value.empty() &&
      !(info.boolean && info.default_value == "false")) {
    absl::StrAppend(&help, " [", info.default_value, "]");
  }
  if (const size_t newline = lead.find('\n'); newline != std::string::npos) {
    return lead.substr(0, newline + 1) +
           Wrapped(lead.substr(newline + 1), help, kMargin);
  }
  return Wrapped(lead, help, kMargin);
}

// Name of a flag in an argument like "--name=value"; nullopt for other
// arguments.
std::optional<std::string> FlagNameOf(const std::string& argument) {
  if (argument.size() < 2 || argument[0] != '-') return std::nullopt;
  const size_t begin = argument[1] == '-' ? 2 : 1;
  return argument.substr(begin, argument.find('=') - begin);
}

bool Has(const Command& command, std::string_view flag) {
  return std::find(command.flags.begin(), command.flags.end(), flag) !=
         command.flags.end();
}

}  // namespace

const std::vector<Command>& Commands() {
  static const auto& commands = *new std::vector<Command>{
      {"generate",
       "ask the model; the answer streams to the terminal",
       "[flags] [PROMPT ...]",
       "Sends the prompt, or standard input when there is none, and writes the "
       "answer as it comes. Ctrl-C stops the model too.",
       {"server",
        "chat",
        "complete",
        "system",
        "preset",
        "temperature",
        "top_k",
        "top_p",
        "repetition_penalty",
        "seed",
        "max_new_tokens",
        "min_new_tokens",
        "stop",
        "stop_token_ids",
        "ignore_eos",
        "do_sample",
        "model",
        "request_id",
        "timeout_ms",
        "json"}},
      {"tokenize",
       "show how a text becomes tokens",
       "[flags] [TEXT ...]",
       "Cuts the text, or standard input when there is none. A terminal gets "
       "coloured pieces, anything else one line for each token: its id, a tab, "
       "its text as a JSON string.",
       {"tokenizer", "add_special_tokens", "parse_special", "timeout_ms",
        "json"}},
      {"health",
       "ask each service how it is",
       "[flags]",
       "Asks Gateway, Tokenizer and Generator whether they serve. Fails when "
       "one does not. An empty address leaves a service out.",
       {"server", "tokenizer", "generator", "timeout_ms", "json"}},
      {"up",
       "start all three services on this machine",
       "[flags]",
       "Starts Tokenizer, Generator and Gateway, waits until they are healthy, "
       "says where they listen, and keeps them together: one that dies ends "
       "all. Ctrl-C stops them.",
       {"model", "model_name", "http_listen", "grpc_listen", "exec", "log_dir",
        "tokenizer_flags", "generator_flags", "gateway_flags",
        "start_timeout_ms", "stop_grace_ms"}},
  };
  return commands;
}

const Command* FindCommand(std::string_view name) {
  for (const Command& command : Commands()) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

std::string OverviewPage() {
  std::string page =
      "sluice: talk to Sluice from a terminal\n\n"
      "  sluice COMMAND [flags] [arguments]\n\n"
      "Commands\n";
  for (const Command& command : Commands()) {
    absl::StrAppendFormat(&page, "  %-10s %s\n", std::string(command.name),
                          std::string(command.summary));
  }
  page +=
      "\nExamples\n"
      "  sluice up\n"
      "  sluice generate \"Hello, who are you?\"\n"
      "  sluice generate --system=\"Answer in French.\" --temperature=0 Hello\n"
      "  echo \"Once upon a time\" | sluice generate --complete "
      "--max_new_tokens=64\n"
      "  sluice tokenize \"How many pieces is this?\"\n"
      "  sluice health\n\n"
      "`sluice COMMAND --help` lists the flags of a command. Put `--` before a "
      "text\nthat begins with a dash.\n\n"
      "Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted.\n";
  return page;
}

std::string CommandPage(const Command& command, const FlagLookup& lookup) {
  const std::string name(command.name);
  std::string page =
      absl::StrCat("sluice ", name, ": ", std::string(command.summary),
                   "\n\n  sluice ", name, " ", std::string(command.arguments),
                   "\n\n", Wrapped("", command.about, 0), "\nFlags\n");
  for (const std::string_view flag : command.flags) {
    page += FlagLine(flag, lookup(flag).value_or(FlagInfo()));
  }
  return page;
}

bool WantsHelp(const std::vector<std::string>& arguments) {
  const auto end = std::find(arguments.begin(), arguments.end(), "--");
  return std::any_of(arguments.begin(), end, [](const std::string& argument) {
    return argument == "--help" || argument == "-help" || argument == "-h";
  });
}

absl::Status CheckFlags(const Command& command,
                        const std::vector<std::string>& arguments,
                        const FlagLookup& lookup) {
  for (size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    const std::optional<std::string> name = FlagNameOf(arguments[i]);
    if (!name.has_value()) continue;
    if (Has(command, *name)) {
      const bool has_value = arguments[i].find('=') != std::string::npos;
      const std::optional<FlagInfo> info = lookup(*name);
      // The value of "--name value" may look like a flag.
      if (!has_value && info.has_value() && !info->boolean) ++i;
      continue;
    }
    const bool negated =
        name->starts_with("no") && Has(command, name->substr(2));
    if (negated && lookup(name->substr(2)).value_or(FlagInfo()).boolean) {
      continue;
    }
    return absl::InvalidArgumentError(absl::StrCat(
        arguments[i], ": not a flag of sluice ", std::string(command.name),
        "; `sluice ", std::string(command.name), " --help` lists them"));
  }
  return absl::OkStatus();
}

absl::Status SplitStops(std::string_view text, std::vector<std::string>& out) {
  if (text.empty()) return absl::OkStatus();
  std::string part;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ',') {
      out.push_back(std::exchange(part, ""));
      continue;
    }
    if (text[i] != '\\') {
      part += text[i];
      continue;
    }
    const char c = ++i < text.size() ? text[i] : ' ';
    if (c != 'n' && c != 't' && c != ',' && c != '\\') {
      return FieldError("stop", "bad escape", std::string("\\") + c,
                        "\\n, \\t, \\, and \\\\");
    }
    part += c == 'n' ? '\n' : c == 't' ? '\t' : c;
  }
  out.push_back(part);
  return absl::OkStatus();
}

}  // namespace sluice::cli
