//! What a Close says: its payload, code and reason (WS-C01 to WS-C06, WS-C10, WS-C11, WS-C17, WS-C18).
