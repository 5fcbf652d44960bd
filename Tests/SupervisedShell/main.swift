import Glibc
import MimoSystem

// What a plugin's process is to the host, with a shell's script in the plugin's place.
Supervisor.enter()
var words = (["/bin/sh"] + CommandLine.arguments.dropFirst()).map { strdup($0) } + [nil]
execv("/bin/sh", &words)
_exit(127)
