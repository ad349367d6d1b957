package main

// helperVariable makes a test binary the program itself.
const helperVariable = "TICKETD_TEST_HELPER"
