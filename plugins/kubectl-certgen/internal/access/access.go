// Package access says and sets who may read a file: by its mode where files
// have one, on Windows by its access control list.
package access
