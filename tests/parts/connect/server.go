// Package connect is a 1Password Connect server for tests: one vault, one
// token, and the part of the REST API that manages items. Shapes and status
// codes are those of 1Password's API reference.
package connect

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"time"
)

// Options say how to serve.
type Options struct {
	Address string        // host and port to listen on
	Token   string        // what clients have to send as a bearer token
	Vault   string        // the name of the vault
	File    string        // where the items are kept
	Lag     time.Duration // how long reads do not see a write
}

// VaultID is the identifier of the vault.
const VaultID = "keptpartsvaultkeptpartsvau"

// Serve serves until it fails.
func Serve(o Options) error {
	items, err := open(o.File, o.Lag)
	if err != nil {
		return err
	}
	s := &server{o, items}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /heartbeat", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(".")) })
	mux.HandleFunc("GET /v1/vaults", s.authorized(s.listVaults))
	mux.HandleFunc("GET /v1/vaults/{vault}", s.authorized(s.inVault(s.getVault)))
	mux.HandleFunc("GET /v1/vaults/{vault}/items", s.authorized(s.inVault(s.list)))
	mux.HandleFunc("POST /v1/vaults/{vault}/items", s.authorized(s.inVault(s.create)))
	mux.HandleFunc("GET /v1/vaults/{vault}/items/{item}", s.authorized(s.inVault(s.get)))
	mux.HandleFunc("PUT /v1/vaults/{vault}/items/{item}", s.authorized(s.inVault(s.replace)))
	mux.HandleFunc("DELETE /v1/vaults/{vault}/items/{item}", s.authorized(s.inVault(s.remove)))
	mux.HandleFunc("GET /v1/vaults/{vault}/items/{item}/files", s.authorized(s.inVault(s.listFiles)))
	return http.ListenAndServe(o.Address, mux)
}

type server struct {
	Options
	items *store
}

func (s *server) authorized(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+s.Token {
			refuse(w, http.StatusUnauthorized, "Invalid token signature")
			return
		}
		next(w, r)
	}
}

func (s *server) inVault(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("vault") != VaultID {
			refuse(w, http.StatusNotFound, "Vault not found")
			return
		}
		next(w, r)
	}
}

type vault struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
}

func (s *server) vault() vault { return vault{VaultID, s.Vault, "USER_CREATED"} }

func (s *server) listVaults(w http.ResponseWriter, r *http.Request) {
	vaults := []vault{}
	if matches(w, r, s.Vault, func() { vaults = append(vaults, s.vault()) }) {
		answer(w, vaults)
	}
}

func (s *server) getVault(w http.ResponseWriter, _ *http.Request) { answer(w, s.vault()) }

func (s *server) list(w http.ResponseWriter, r *http.Request) {
	found := []item{}
	for _, i := range s.items.list() {
		if !matches(w, r, i.Title, func() { found = append(found, i.summary()) }) {
			return
		}
	}
	answer(w, found)
}

// 1Password's own clients filter vaults by title as well as by name.
var filter = regexp.MustCompile(`^(?:title|name) eq "(.*)"$`)

// matches runs yes if the request's filter, if any, takes the name. A filter
// that cannot be read is answered, and is false.
func matches(w http.ResponseWriter, r *http.Request, name string, yes func()) bool {
	text := r.URL.Query().Get("filter")
	wanted := filter.FindStringSubmatch(text)
	if text != "" && wanted == nil {
		refuse(w, http.StatusBadRequest, "Invalid filter: "+text)
		return false
	}
	if text == "" || wanted[1] == name {
		yes()
	}
	return true
}

func (s *server) create(w http.ResponseWriter, r *http.Request) {
	if i, ok := read(w, r); ok {
		conclude(w)(s.items.create(i))
	}
}

func (s *server) get(w http.ResponseWriter, r *http.Request) {
	conclude(w)(s.items.get(r.PathValue("item")))
}

func (s *server) replace(w http.ResponseWriter, r *http.Request) {
	if i, ok := read(w, r); ok {
		conclude(w)(s.items.replace(r.PathValue("item"), i))
	}
}

func (s *server) remove(w http.ResponseWriter, r *http.Request) {
	if err := s.items.remove(r.PathValue("item")); err != nil {
		conclude(w)(item{}, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// listFiles is about files that nobody can upload here.
func (s *server) listFiles(w http.ResponseWriter, r *http.Request) {
	if _, err := s.items.get(r.PathValue("item")); err != nil {
		conclude(w)(item{}, err)
		return
	}
	answer(w, []struct{}{})
}

func read(w http.ResponseWriter, r *http.Request) (item, bool) {
	var i item
	if err := json.NewDecoder(r.Body).Decode(&i); err != nil {
		refuse(w, http.StatusBadRequest, "Invalid item: "+err.Error())
		return i, false
	}
	if i.Category == "" || i.Category == "CUSTOM" || i.Category == "DOCUMENT" {
		refuse(w, http.StatusBadRequest, "Invalid item: no item can be made of this category")
		return i, false
	}
	// The address says which vault: the External Secrets Operator puts the
	// vault's name where its identifier belongs, and succeeds.
	i.Vault.ID = VaultID
	return i, true
}

func conclude(w http.ResponseWriter) func(item, error) {
	return func(i item, err error) {
		switch {
		case err == nil:
			answer(w, i)
		case errors.Is(err, errNotFound):
			refuse(w, http.StatusNotFound, err.Error())
		case errors.Is(err, errConflict):
			refuse(w, http.StatusConflict, err.Error())
		default:
			refuse(w, http.StatusInternalServerError, err.Error())
		}
	}
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(value)
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"status": status, "message": message})
}
