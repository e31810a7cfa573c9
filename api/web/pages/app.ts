/** What the server's pages do besides being read: parts are asked for anew (htmx), and keys lead where a mouse would. */
import htmx from "htmx.org";
import "htmx-ext-sse";
import { awayness } from "./away";
import { copying, proposals } from "./desk";
import { keys } from "./keys";
import { merging } from "./merge";
import { refusals } from "./refusals";
import { scopes } from "./scopes";

// Neither styles nor code in the page itself: its policy allows none.
htmx.config.includeIndicatorStyles = false;
htmx.config.allowEval = false;
// What a page shows is asked of the server, and kept nowhere.
htmx.config.historyCacheSize = 0;
// What is new is htmx's at once: a key or a tap in the moment until then would be a plain one, and load the page anew.
htmx.config.defaultSettleDelay = 0;
keys();
scopes();
merging();
refusals();
proposals();
copying();
awayness();
