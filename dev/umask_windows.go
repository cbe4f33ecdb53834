package dev

// closeFiles has nothing to do: files inherit the access control list of the user's profile.
func closeFiles() {}
