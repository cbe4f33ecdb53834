// Package files is the family of builtins that read files and turn text into values and back: read_file, listdir, watch_file,
// read_json, decode_yaml, encode_json and their like.
package files
