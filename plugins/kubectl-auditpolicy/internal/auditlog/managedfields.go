package auditlog

// ManagedFields is how many bytes a logged object would lose under
// omitManagedFields, which clears metadata.managedFields of the object, of the
// items of a list and of the objects in the rows of a table. A patch is logged
// as the client sent it: the caller must not ask for one.
func ManagedFields(object []byte) int {
	n := 0
	members(object, 0, func(key []byte, _, start, end int) bool {
		v := object[start:end]
		switch string(key) {
		case "metadata":
			n += managedFieldsMember(v)
		case "items":
			elements(v, 0, func(start, end int) bool {
				n += metadataOf(v[start:end])
				return true
			})
		case "rows":
			elements(v, 0, func(start, end int) bool {
				row := v[start:end]
				members(row, 0, func(key []byte, _, start, end int) bool {
					if string(key) == "object" {
						n += metadataOf(row[start:end])
					}
					return true
				})
				return true
			})
		}
		return true
	})
	return n
}

func metadataOf(object []byte) int {
	n := 0
	members(object, 0, func(key []byte, _, start, end int) bool {
		if string(key) == "metadata" {
			n += managedFieldsMember(object[start:end])
		}
		return true
	})
	return n
}

func managedFieldsMember(metadata []byte) int {
	n := 0
	members(metadata, 0, func(key []byte, from, start, end int) bool {
		if string(key) == "managedFields" && string(metadata[start:end]) != "null" {
			n = end - from + 1
		}
		return true
	})
	return n
}
