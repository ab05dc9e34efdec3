/** Our own icons: paths on a 24 grid, drawn by stroke. Import them as `* as icons`: unused ones leave no trace in a bundle. */
export const send = "M4 12 20 4l-6 16-3-7-7-1Z";
export const attach = "m20 11-8.5 8.5a5 5 0 0 1-7-7L13 4a3.3 3.3 0 0 1 4.7 4.7l-8.5 8.4a1.7 1.7 0 0 1-2.3-2.3L14 8";
export const smile = "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM8.5 14.5c1.6 2.3 5.4 2.3 7 0M9 9.500v.1M15 9.500v.1";
export const camera =
  "M4 8h3.500L9 5.500h6L16.5 8H20a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V9a1 1 0 0 1 1-1ZM12 10a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7Z";
export const close = "M6 6l12 12M18 6 6 18";
export const down = "m6 9.5 6 6 6-6";
export const up = "m6 14.5 6-6 6 6";
export const left = "m14.5 6-6 6 6 6";
export const right = "m9.5 6 6 6-6 6";
export const check = "m5 12.5 4.5 4.500L19 7.5";
export const checks = "m2.5 12.5 4.5 4.500L15.5 8M11.5 16l1 1L22 7.5";
export const clock = "M12 3.500a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17ZM12 7.500V12l3 2";
export const alert = "M12 4 2.8 19.500h18.400L12 4ZM12 10v4.500M12 17v.1";
export const info = "M12 3.500a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17ZM12 11v5M12 8v.1";
export const file = "M13.5 3.500H7a1 1 0 0 0-1 1v15a1 1 0 0 0 1 1h10a1 1 0 0 0 1-1V8l-4.5-4.500ZM13.5 3.500V8H18";
export const image =
  "M5 4.500h14a1 1 0 0 1 1 1v13a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1v-13a1 1 0 0 1 1-1ZM4 16l4.5-4.500L14 17M12.5 15.500l3-3L20 17M15.5 8.500v.1";
export const download = "M12 4v11M7.5 11l4.5 4.5 4.5-4.500M4.5 19.500h15";
export const user = "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM4.5 20.500c.8-4 3.7-6 7.5-6s6.7 2 7.5 6";
export const users =
  "M9 5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7ZM2.5 19.500c.6-3.5 3-5 6.5-5s5.9 1.5 6.5 5M15.5 5.200a3.5 3.5 0 0 1 0 6.600M18 14.900c2 .7 3.2 2.2 3.5 4.6";
export const search = "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM15.5 15.5 20.5 20.5";
export const settings =
  "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.800a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.400ZM9 14.800a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.400Z";
export const plus = "M12 5v14M5 12h14";
export const minus = "M5 12h14";
export const more = "M5.5 12h.1M12 12h.1M18.5 12h.1";
export const inbox = "M4 13.5 6.5 5h11l2.5 8.500V19H4v-5.500ZM4 13.500h4.500l1 2.500h5l1-2.500H20";
export const bell = "M6 16.500V11a6 6 0 0 1 12 0v5.500l1.5 1.500h-15L6 16.500ZM10 20.500h4";
export const bellOff = "M6 16.500V11c0-1 .2-1.9.6-2.700M9 5.800A6 6 0 0 1 18 11v3.500M17 18H4.500L6 16.500M10 20.500h4M4 4l16 16";
export const tag = "M4 4.500h7.500l8.5 8.5-7 7-9-9V4.500ZM8 8.500v.1";
export const note = "M5 4.500h14v10L14.5 19.500H5v-15ZM14.5 19.500v-5H19M8.5 8.500h7M8.5 12h4";
export const star = "m12 4 2.5 5.2 5.7.7-4.2 4 1.1 5.600L12 16.700l-5.1 2.800L8 13.900l-4.2-4 5.7-.700L12 4Z";
export const reply = "M9.5 6 4.5 11l5 5M4.5 11H14a5.5 5.5 0 0 1 5.5 5.500V18";
export const sun =
  "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2.500v2M12 19.500v2M2.5 12h2M19.5 12h2M5.3 5.300l1.4 1.400M17.3 17.300l1.4 1.400M18.7 5.300l-1.4 1.400M6.7 17.300l-1.4 1.4";
export const moon = "M19.5 14.500A8 8 0 0 1 9.5 4.500a8 8 0 1 0 10 10Z";
export const globe = "M12 3.500a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17ZM3.5 12h17M12 3.500c5 5.5 5 11.5 0 17M12 3.500c-5 5.5-5 11.5 0 17";
export const snooze = "M8 9h8l-8 7h8M12 3.500a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17Z";
export const trash = "M4.5 7h15M9.5 7V4.500h5V7M6.5 7l1 12.500h9l1-12.500M10.5 11v5M13.5 11v5";
export const edit = "M4.5 19.5 5.5 15 15.5 5l3.5 3.5-10 10-4.5 1Z";
export const link =
  "M10 13.500a4 4 0 0 0 6 .400l2.5-2.500a4 4 0 0 0-5.7-5.700L11.5 7M14 10.500a4 4 0 0 0-6-.400l-2.5 2.500a4 4 0 0 0 5.7 5.700L12.5 17";
export const external = "M13.5 4.500h6v6M19.5 4.5 11 13M17.5 14v5.500h-13v-13H10";
export const phone = "M6.5 4 9.5 4.5 10.5 8.5 8.5 10c1 2.5 3 4.5 5.5 5.500l1.5-2 4 1 .5 3c0 1-1 2-2 2C11 19.5 4.5 13 4.5 6c0-1 1-2 2-2Z";
export const mail = "M4 5.500h16v13H4v-13ZM4.5 6.5 12 13l7.5-6.5";
export const keyboard = "M3.5 6.500h17v11h-17v-11ZM7 10v.1M10.3 10v.1M13.7 10v.1M17 10v.1M8 14h8";
export const copy = "M9 8.500h10.500v11H9v-11ZM15 8.500v-4H4.500v11H9";
export const logout = "M13.5 4.500h-9v15h9M9.5 12h11M17 8l4 4-4 4";
export const at = "M12 8.500a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7ZM15.5 8.500V13a2.5 2.5 0 0 0 5 0v-1A8.5 8.5 0 1 0 17 19";
export const bolt = "M13.5 3 5.5 13.500h6L10.5 21l8-10.500h-6L13.5 3Z";
export const refresh = "M19.5 12a7.5 7.5 0 1 1-2.2-5.300L19.5 9M19.5 4v5h-5";
export const eye = "M2.5 12c4.5-8 14.5-8 19 0-4.5 8-14.5 8-19 0ZM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6Z";
export const cart = "M3.5 4.500H6l2 11h10l2-8H6.700M9.5 19.500v.1M16.5 19.500v.1";
export const chat =
  "M12 4.500c5 0 9 3.2 9 7.300s-4 7.2-9 7.200c-1 0-2-.1-3-.400L4.5 20.500l1-3.600C4 15.6 3 13.8 3 11.800c0-4.1 4-7.3 9-7.300Z";
export const pin =
  "M12 3.500c4 0 6.5 2.8 6.5 6.300C18.5 14 12 20.5 12 20.500S5.5 14 5.5 9.800C5.5 6.3 8 3.5 12 3.500ZM12 7.500a2.3 2.3 0 1 0 0 4.6 2.3 2.3 0 0 0 0-4.600Z";
export const flag = "M5.5 21V4.500c4-2 9 2 13 0v9c-4 2-9-2-13 0";
export const sidebar = "M4 5h16v14H4V5ZM15 5v14";
export const list = "M8.5 6.500h11M8.5 12h11M8.5 17.500h11M4.5 6.500v.1M4.5 12v.1M4.5 17.500v.1";
export const wifiOff =
  "M3 3l18 18M8.5 15.500a5 5 0 0 1 7 0M5 12a10 10 0 0 1 4.5-2.600M14.5 9.400A10 10 0 0 1 19 12M2 8.500a15 15 0 0 1 4-2.500M10.5 5.100A15 15 0 0 1 22 8.500M12 19v.1";
