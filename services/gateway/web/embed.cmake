# Writes OUTPUT, a C++ source that defines the files of the chat page:
#   cmake -DPAGE=<folder> -DOUTPUT=<file.cc> -P embed.cmake
# Bytes go in as numbers, so that no file can break out of a literal.
set(source "#include \"services/gateway/web/page_files.h\"\n\n")
string(APPEND source "namespace sluice::gateway {\nnamespace {\n\n")
set(views "")
foreach(entry IN ITEMS Html:chat.html Css:chat.css Js:chat.js)
  string(REPLACE ":" ";" entry "${entry}")
  list(GET entry 0 name)
  list(GET entry 1 file)
  file(READ "${PAGE}/${file}" hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
  string(APPEND source "constexpr char kBytes${name}[] = {${bytes}};\n")
  string(APPEND views "const std::string_view kPage${name}(kBytes${name}, "
                      "sizeof(kBytes${name}));\n")
endforeach()
string(APPEND source "\n}  // namespace\n\n${views}\n}  // namespace "
                     "sluice::gateway\n")
file(WRITE "${OUTPUT}" "${source}")
