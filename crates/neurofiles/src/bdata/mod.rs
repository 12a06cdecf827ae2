//! Responses as the Kamitani laboratory's BData: samples × columns, with the columns selected by keys.
