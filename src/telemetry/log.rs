//! Log lines as the reference writes them: logfmt text or one JSON object a line, on stderr.
