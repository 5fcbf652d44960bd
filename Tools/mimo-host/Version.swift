/// The version of mimo-host.
let hostVersion = "0.1.0"
