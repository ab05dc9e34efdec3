/** Our own icons: paths on a 24 grid, drawn by stroke. Import them as `* as icons`: unused ones leave no trace in a bundle. */
export const chart = "M4 4v16h16M8.5 16.5v-5M13 16.5v-9M17.5 16.5v-7";
export const send = "M4 12 20 4l-6 16-3-7-7-1Z";
export const attach = "m20 11-8.5 8.5a5 5 0 0 1-7-7L13 4a3.3 3.3 0 0 1 4.7 4.7l-8.5 8.4a1.7 1.7 0 0 1-2.3-2.3L14 8";
export const smile = "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM8.5 14.5c1.6 2.3 5.4 2.3 7 0M9 9.5v.1M15 9.5v.1";
export const camera =
  "M4 8h3.5L9 5.5h6L16.5 8H20a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V9a1 1 0 0 1 1-1ZM12 10a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7Z";
export const close = "M6 6l12 12M18 6 6 18";
export const down = "m6 9.5 6 6 6-6";
export const up = "m6 14.5 6-6 6 6";
export const left = "m14.5 6-6 6 6 6";
export const right = "m9.5 6 6 6-6 6";
export const check = "m5 12.5 4.5 4.5L19 7.5";
export const checks = "m2.5 12.5 4.5 4.5L15.5 8M11.5 16l1 1L22 7.5";
export const clock = "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17ZM12 7.5V12l3 2";
export const alert = "M12 4 2.8 19.5h18.4L12 4ZM12 10v4.5M12 17v.1";
export const info = "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17ZM12 11v5M12 8v.1";
export const file = "M13.5 3.5H7a1 1 0 0 0-1 1v15a1 1 0 0 0 1 1h10a1 1 0 0 0 1-1V8l-4.5-4.5ZM13.5 3.5V8H18";
export const image =
  "M5 4.5h14a1 1 0 0 1 1 1v13a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1v-13a1 1 0 0 1 1-1ZM4 16l4.5-4.5L14 17M12.5 15.5l3-3L20 17M15.5 8.5v.1";
export const download = "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M4.5 19.5h15";
export const user = "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM4.5 20.5c.8-4 3.7-6 7.5-6s6.7 2 7.5 6";
export const users =
  "M9 5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7ZM2.5 19.5c.6-3.5 3-5 6.5-5s5.9 1.5 6.5 5M15.5 5.2a3.5 3.5 0 0 1 0 6.6M18 14.9c2 .7 3.2 2.2 3.5 4.6";
export const search = "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM15.5 15.5 20.5 20.5";
export const settings =
  "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.8a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4ZM9 14.8a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4Z";
export const plus = "M12 5v14M5 12h14";
export const minus = "M5 12h14";
export const more = "M5 12a.5.5 0 1 0 1 0 .5.5 0 1 0-1 0M11.5 12a.5.5 0 1 0 1 0 .5.5 0 1 0-1 0M18 12a.5.5 0 1 0 1 0 .5.5 0 1 0-1 0";
export const inbox = "M4 13.5 6.5 5h11l2.5 8.5V19H4v-5.5ZM4 13.5h4.5l1 2.5h5l1-2.5H20";
export const bell = "M6 16.5V11a6 6 0 0 1 12 0v5.5l1.5 1.5h-15L6 16.5ZM10 20.5h4";
export const bellOff = "M6 16.5V11c0-1 .2-1.9.6-2.7M9 5.8A6 6 0 0 1 18 11v3.5M17 18H4.5L6 16.5M10 20.5h4M4 4l16 16";
export const tag = "M4 4.5h7.5l8.5 8.5-7 7-9-9V4.5ZM8 8.5v.1";
export const note = "M5 4.5h14v10L14.5 19.5H5v-15ZM14.5 19.5v-5H19M8.5 8.5h7M8.5 12h4";
export const star = "m12 4 2.5 5.2 5.7.7-4.2 4 1.1 5.6L12 16.7l-5.1 2.8L8 13.9l-4.2-4 5.7-.7L12 4Z";
export const reply = "M9.5 6 4.5 11l5 5M4.5 11H14a5.5 5.5 0 0 1 5.5 5.5V18";
export const sun =
  "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M18.7 5.3l-1.4 1.4M6.7 17.3l-1.4 1.4";
export const moon = "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10Z";
export const globe = "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17ZM3.5 12h17M12 3.5c5 5.5 5 11.5 0 17M12 3.5c-5 5.5-5 11.5 0 17";
export const snooze = "M8 9h8l-8 7h8M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17Z";
export const trash = "M4.5 7h15M9.5 7V4.5h5V7M6.5 7l1 12.5h9l1-12.5M10.5 11v5M13.5 11v5";
export const edit = "M4.5 19.5 5.5 15 15.5 5l3.5 3.5-10 10-4.5 1Z";
export const link = "M10 13.5a4 4 0 0 0 6 .4l2.5-2.5a4 4 0 0 0-5.7-5.7L11.5 7M14 10.5a4 4 0 0 0-6-.4l-2.5 2.5a4 4 0 0 0 5.7 5.7L12.5 17";
export const external = "M13.5 4.5h6v6M19.5 4.5 11 13M17.5 14v5.5h-13v-13H10";
export const phone = "M6.5 4 9.5 4.5 10.5 8.5 8.5 10c1 2.5 3 4.5 5.5 5.5l1.5-2 4 1 .5 3c0 1-1 2-2 2C11 19.5 4.5 13 4.5 6c0-1 1-2 2-2Z";
export const mail = "M4 5.5h16v13H4v-13ZM4.5 6.5 12 13l7.5-6.5";
export const keyboard = "M3.5 6.5h17v11h-17v-11ZM7 10v.1M10.3 10v.1M13.7 10v.1M17 10v.1M8 14h8";
export const copy = "M9 8.5h10.5v11H9v-11ZM15 8.5v-4H4.5v11H9";
export const logout = "M13.5 4.5h-9v15h9M9.5 12h11M17 8l4 4-4 4";
export const at = "M12 8.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7ZM15.5 8.5V13a2.5 2.5 0 0 0 5 0v-1A8.5 8.5 0 1 0 17 19";
export const bolt = "M13.5 3 5.5 13.5h6L10.5 21l8-10.5h-6L13.5 3Z";
export const refresh = "M19.5 12a7.5 7.5 0 1 1-2.2-5.3L19.5 9M19.5 4v5h-5";
export const eye = "M2.5 12c4.5-8 14.5-8 19 0-4.5 8-14.5 8-19 0ZM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6Z";
export const cart = "M3.5 4.5H6l2 11h10l2-8H6.7M9.5 19.5v.1M16.5 19.5v.1";
export const chat = "M12 4.5c5 0 9 3.2 9 7.3s-4 7.2-9 7.2c-1 0-2-.1-3-.4L4.5 20.5l1-3.6C4 15.6 3 13.8 3 11.8c0-4.1 4-7.3 9-7.3Z";
export const pin =
  "M12 3.5c4 0 6.5 2.8 6.5 6.3C18.5 14 12 20.5 12 20.5S5.5 14 5.5 9.8C5.5 6.3 8 3.5 12 3.5ZM12 7.5a2.3 2.3 0 1 0 0 4.6 2.3 2.3 0 0 0 0-4.6Z";
export const flag = "M5.5 21V4.5c4-2 9 2 13 0v9c-4 2-9-2-13 0";
export const sidebar = "M4 5h16v14H4V5ZM15 5v14";
export const filter = "M4 5.5h16l-6.2 7.3v5.4l-3.6 1.8v-7.2L4 5.5Z";
export const list = "M8.5 6.5h11M8.5 12h11M8.5 17.5h11M4.5 6.5v.1M4.5 12v.1M4.5 17.5v.1";
export const wifiOff =
  "M3 3l18 18M8.5 15.5a5 5 0 0 1 7 0M5 12a10 10 0 0 1 4.5-2.6M14.5 9.4A10 10 0 0 1 19 12M2 8.5a15 15 0 0 1 4-2.5M10.5 5.1A15 15 0 0 1 22 8.5M12 19v.1";
export const wand = "M4.5 19.5 14 10M15.5 4v3M14 5.5h3M19 9.5v3M17.5 11h3M9 4.5v2M8 5.5h2M13.2 8.2l2.6 2.6 1.4-1.4-2.6-2.6-1.4 1.4Z";
