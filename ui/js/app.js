// Everything that ordinary pages need. Each module enhances markup that already works without it.
import { startClipboard } from "./copy.js";
import { startCountdowns } from "./countdown.js";
import { startDialogs } from "./dialog.js";
import { startForms } from "./forms.js";
import { startKeys } from "./keys.js";
import { startLists } from "./lists.js";
import { startMenus } from "./menu.js";
import { startPalette } from "./palette.js";
import { startPasskeys } from "./passkey.js";
import { startTimes } from "./times.js";
import { startUploads } from "./upload.js";

startTimes();
startCountdowns();
startMenus();
startDialogs();
startForms();
startLists();
startClipboard();
startUploads();
startPasskeys();
const palette = startPalette();
startKeys(palette);
