// Gitea, built from its module: its own main package cannot be built from
// outside, because of the replacements in its go.mod.
package main

import (
	"os"
	"runtime"
	"time"

	"code.gitea.io/gitea/cmd"
	"code.gitea.io/gitea/modules/log"
	"code.gitea.io/gitea/modules/setting"

	"github.com/urfave/cli/v3"
)

// Version is set by the linker.
var Version = "development"

func main() {
	built := " built with " + runtime.Version()
	setting.AppVer = Version
	setting.AppBuiltWith = built
	setting.AppStartTime = time.Now().UTC()

	// Log lines are queued: an exit that does not close the logger loses them.
	cli.OsExiter = func(code int) {
		log.GetManager().Close()
		os.Exit(code)
	}
	app := cmd.NewMainApp(cmd.AppVersion{Version: Version, Extra: built})
	_ = cmd.RunMainApp(app, os.Args...) // it prints the error and exits itself
	log.GetManager().Close()
}
