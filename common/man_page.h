#ifndef TAREA_COMMON_MAN_PAGE_H_
#define TAREA_COMMON_MAN_PAGE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "common/cli_fwd.h"
#include "common/settings.h"

namespace tarea {

// The manual page of a program in roff, made from its flags and footers. `program` is the name in
// the sources, "client"; the page is for the installed one, tarea-client, unless `app` has a name
// that is neither. The home directory in defaults becomes ~.
std::string ManPage(const CLI::App& app, const Settings& settings, absl::string_view program);

}  // namespace tarea

#endif  // TAREA_COMMON_MAN_PAGE_H_
