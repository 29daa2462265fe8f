package connect

import (
	"crypto/rand"
	"strings"
	"time"
)

// An item is what the Connect API calls a FullItem, as far as tests need it.
// In lists it comes without sections, fields and files.
type item struct {
	ID        string    `json:"id"`
	Title     string    `json:"title"`
	Tags      []string  `json:"tags,omitempty"`
	Version   int       `json:"version"`
	Vault     reference `json:"vault"`
	Category  string    `json:"category"`
	Sections  []section `json:"sections,omitempty"`
	Fields    []field   `json:"fields,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

type reference struct {
	ID string `json:"id"`
}

type section struct {
	ID    string `json:"id,omitempty"`
	Label string `json:"label,omitempty"`
}

type field struct {
	ID      string     `json:"id"`
	Section *reference `json:"section,omitempty"`
	Type    string     `json:"type"`
	Purpose string     `json:"purpose,omitempty"`
	Label   string     `json:"label,omitempty"`
	Value   string     `json:"value,omitempty"`
}

// The notes of an item are a field of their own kind, of which there is one.
const (
	notesPurpose = "NOTES"
	notesID      = "notesPlain"
)

// newID is an identifier as 1Password makes them: 26 small letters and digits.
func newID() string { return strings.ToLower(rand.Text()) }

// tidied is the item as it is stored: with identifiers, and with the nameless
// section that holds the fields which name no other. A section outlives its
// fields, so an item that ever had such a field is never quite empty.
func (i item) tidied() item {
	fields := make([]field, 0, len(i.Fields))
	nameless := false
	for _, f := range i.Fields {
		if f.Purpose == notesPurpose || f.ID == notesID {
			f.ID, f.Purpose, f.Type = notesID, notesPurpose, "STRING"
			if f.Label == "" {
				f.Label = notesID
			}
		}
		if f.ID == "" {
			f.ID = newID()
		}
		if f.Type == "" {
			f.Type = "STRING"
		}
		nameless = nameless || f.Purpose == "" && f.Section == nil
		fields = append(fields, f)
	}
	for _, s := range i.Sections {
		if s == (section{}) {
			nameless = false
		}
	}
	if nameless {
		i.Sections = append([]section{{}}, i.Sections...)
	}
	i.Fields = fields
	return i
}

func (i item) summary() item {
	i.Sections, i.Fields = nil, nil
	return i
}
